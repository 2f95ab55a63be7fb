#!/usr/bin/env bash
# Sourced by a script after its option variables: sets them from the command line.
#
#   --some-name value, --some_name value or --some_name=value sets ${some_name}
#   --config FILE     sources FILE (before any other option is looked at)
#   --help            prints ${help_message}
#
# Of an unknown option, ${_po_elsewhere} may say where it belongs.
#
# Only variables that the script has set before can be set. One whose value is true or
# false takes nothing else. What follows the options stays in "$@".

_po_fail() {
    echo "$0: Error: $1" >&2
    exit 1
}

_po_suggest() { # names of variables that look like $1
    local name=$1 part=${1%%_*} known
    for known in $(compgen -v); do
        # What a script knows only to refuse it is no suggestion.
        if [[ $'\n'${refused_options:-} == *$'\n'"${known} "* ]]; then continue; fi
        case ${known} in
            _* | [A-Z]*) ;;
            *"${name}"* | "${part}"_*) echo "--${known}" ;;
        esac
    done | head -n 8 | tr '\n' ' '
}

_po_set() { # _po_set <option> <value>
    local name=${1#--}
    name=${name//-/_}
    if ! [[ ${name} =~ ^[A-Za-z][A-Za-z0-9_]*$ ]] || [ -z "${!name+set}" ]; then
        local similar
        similar=$(_po_suggest "${name}")
        _po_fail "unknown option $1${similar:+; similar: ${similar% }} (--help lists all)${_po_elsewhere:+. ${_po_elsewhere}}"
    fi
    case ${!name} in
        true | false)
            case $2 in
                true | false) ;;
                *) _po_fail "$1 takes true or false, not '$2'" ;;
            esac
            ;;
    esac
    printf -v "${name}" '%s' "$2"
}

_po_read() { # _po_read <configuration>
    [ -r "$1" ] || _po_fail "--config $1: cannot be read"
    # shellcheck disable=SC1090
    . "$1"
}

# The value of another option may look like --config.
_po_option=
for _po_word in "$@"; do
    case ${_po_option}:${_po_word} in
        --config:*) _po_read "${_po_word}" ;;
        :--config=*) _po_read "${_po_word#--config=}" ;;
    esac
    case ${_po_option}:${_po_word} in
        :--*=*) ;;
        :--*) _po_option=${_po_word} ;;
        :*) break ;;
        *) _po_option= ;;
    esac
done

while [ $# -gt 0 ]; do
    case $1 in
        --help | -h)
            echo "${help_message:-No help is written for $0.}"
            exit 0
            ;;
        --config) shift 2 ;;
        --config=*) shift ;;
        --*=*)
            _po_set "${1%%=*}" "${1#*=}"
            shift
            ;;
        --*)
            [ $# -ge 2 ] || _po_fail "$1 needs a value"
            _po_set "$1" "$2"
            shift 2
            ;;
        *) break ;;
    esac
done
unset _po_option _po_word
