# Completion of `kubectl bpo` and kubectl-bpo in zsh. Load it in ~/.zshrc, after compinit and kubectl's own completion:
#   source <(kubectl bpo completion zsh)
_kubectl_bpo() {
    local skip=2 said line word
    local -a found
    if [[ ${words[1]:t} == kubectl ]]; then
        if (( CURRENT < 3 )) || [[ ${words[2]} != bpo ]]; then
            # Not ours: as kubectl completes it.
            if (( $+functions[_kubectl] )); then _kubectl "$@"; fi
            return
        fi
        skip=3
    fi
    said=$(kubectl-bpo __complete -- "${(@)words[skip,CURRENT]}" 2>/dev/null) || return
    # The last line says what else may stand here: 0 for files.
    if [[ ${said##*:} == 0 ]]; then
        _files
        return
    fi
    for line in ${(f)${said%:*}}; do
        word=${${line%%$'\t'*}//:/\\:}
        if [[ $line == *$'\t'* ]]; then word+=":${line#*$'\t'}"; fi
        found+=("$word")
    done
    _describe 'kubectl bpo' found
}
compdef _kubectl_bpo kubectl-bpo kubectl
