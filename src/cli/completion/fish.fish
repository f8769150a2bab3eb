# Completion of `kubectl bpo` and kubectl-bpo in fish. Load it in ~/.config/fish/config.fish, after kubectl's own completion:
#   kubectl bpo completion fish | source
function __kubectl_bpo_is_meant
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = bpo
end
function __kubectl_bpo_words --argument-names skip
    set -l words (commandline -opc)
    set -e words[1..$skip]
    set -l begun (commandline -ct)
    for line in (kubectl-bpo __complete -- $words "$begun" 2>/dev/null)
        # The last line says what else may stand here: 0 for files.
        if test "$line" = :0
            __fish_complete_path "$begun"
        else if not string match -qr '^:[0-9]+$' -- $line
            echo $line
        end
    end
end
complete -c kubectl-bpo -f -a '(__kubectl_bpo_words 1)'
complete -c kubectl -n __kubectl_bpo_is_meant -f -a '(__kubectl_bpo_words 2)'
