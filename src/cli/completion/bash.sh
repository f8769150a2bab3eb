# Completion of `kubectl bpo` and kubectl-bpo in bash. Load it in ~/.bashrc, after kubectl's own completion:
#   source <(kubectl bpo completion bash)
_kubectl_bpo() {
    local skip=1 said line
    if [[ ${COMP_WORDS[0]##*/} == kubectl ]]; then
        if ((COMP_CWORD < 2)) || [[ ${COMP_WORDS[1]} != bpo ]]; then
            # Not ours: as kubectl completes it.
            if declare -F __start_kubectl >/dev/null; then __start_kubectl "$@"; fi
            return
        fi
        skip=2
    fi
    COMPREPLY=()
    said=$(kubectl-bpo __complete -- "${COMP_WORDS[@]:skip:COMP_CWORD-skip+1}" 2>/dev/null) || return
    # The last line says what else may stand here: 0 for files.
    if [[ ${said##*:} == 0 ]]; then compopt -o default 2>/dev/null; fi
    while IFS= read -r line; do
        if [[ -n $line ]]; then COMPREPLY+=("${line%%$'\t'*}"); fi
    done <<<"${said%:*}"
}
complete -F _kubectl_bpo kubectl-bpo kubectl
