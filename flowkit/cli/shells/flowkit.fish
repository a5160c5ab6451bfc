# fish completion for flowkit; made by `flowkit completion fish`

function __flowkit_complete
    set -l words (commandline -opc)
    set -lx _FLOWKIT_COMPLETE fish
    set -l found ($words[1] $words[2..-1] (commandline -ct) 2>/dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end

complete --command flowkit --keep-order --no-files --arguments '(__flowkit_complete)'
