#!/usr/bin/env bash
# Functions that all stages use. Sourced by asr_mtl.sh.
#
# shellcheck disable=SC2034,SC2154  # variables are shared with asr_mtl.sh

all_stages="1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"
current_stage=

contains() { # contains "<words>" <word>
    [[ " $1 " == *" $2 "* ]]
}

in_range() { # in_range <stage>
    [ "$1" -ge "${stage}" ] && [ "$1" -le "${stop_stage}" ]
}

any_in_range() { # any_in_range <stage>...
    local n
    for n in "$@"; do
        if in_range "${n}"; then
            return 0
        fi
    done
    return 1
}

is_wanted() { # is_wanted <stage>
    in_range "$1" && ! contains "${skip_stages}" "$1"
}

any_wanted() { # any_wanted <stage>...
    local n
    for n in "$@"; do
        if is_wanted "${n}"; then
            return 0
        fi
    done
    return 1
}

min() { # min <number>...
    printf '%s\n' "$@" | sort -n | head -n 1
}

# The last line counts also without an end, as for all that reads tables.
count_lines() { # count_lines <file>
    awk 'END { print NR }' < "$1"
}

die() { # die <message>
    # Logged as the caller's line.
    local fname=${BASH_SOURCE[1]##*/}
    echo "$(date '+%Y-%m-%dT%H:%M:%S') (${fname}:${BASH_LINENO[0]}:${FUNCNAME[1]}) Error: $*" >&2
    exit 2
}

need_file() { # need_file <path> <stage that makes it>
    if [ ! -s "$1" ]; then
        die "$1 does not exist or is empty: run stage $2 first."
    fi
}

# Its directory has a name that is made of options: others there may be the one meant.
need_experiment() { # need_experiment <directory> <file in it> <stage that makes it>
    local others=
    if [ ! -s "$1/config.yaml" ]; then
        others=$(find_experiments "$1" | paste -s -d , - | sed 's/,/, /g')
        if [ -n "${others}" ]; then
            die "$1/$2 does not exist or is empty: run stage $3 first. There is ${others}:" \
                "were options that make the name the same, as --token_type, --nbpe, --lang," \
                "and --asr_config, --asr_args, --asr_tag (for the language model, --lm_...)?"
        fi
    fi
    need_file "$1/$2" "$3"
}

# Those of the same kind, recogniser or language model, in which a training has begun.
find_experiments() { # find_experiments <directory that is not there>
    local kind=asr_mtl file
    if [[ ${1##*/} == lm_* ]]; then
        kind=lm
    fi
    for file in "${1%/*}/${kind}"_*/config.yaml; do
        if [ -s "${file}" ]; then
            echo "${file%/*}"
        fi
    done
}

# It also comes with formatted data that were made elsewhere.
need_token_list() {
    if [ ! -s "${token_list}" ] && "${skip_data_prep}"; then
        die "${token_list} does not exist or is empty, and --skip_data_prep true leaves out" \
            "stage 5, which makes it. Put the token list there (and bpe.model beside it, for" \
            "bpe), or give --lang, --token_type and --nbpe as it was made with, or make it" \
            "without --skip_data_prep: --stage 5 --stop_stage 5."
    fi
    need_file "${token_list}" 5
}

# A text that an option names; without it, that of a stage.
need_text() { # need_text <option> <path> <stage that makes it where the option is not given>
    if contains "${given_texts}" "$1" && [ ! -s "$2" ]; then
        die "--$1 $2 does not exist or is empty. Give another file, or run the stage that" \
            "makes it."
    fi
    need_file "$2" "$3"
}

report_failure() { # report_failure <exit status>
    if [ "$1" -ne 0 ] && [ -n "${current_stage}" ]; then
        log "Stage ${current_stage} stopped with exit status $1. What is done is kept:" \
            "mend the cause and continue with --stage ${current_stage}."
    fi
}

# Take a directory for this run alone. The lock is the kernel's, held by an open file: it
# goes with the last process of the run, however that ends, and never has to be removed.
# The number of the open file goes to the variable lock_fd.
lock_dir() { # lock_dir <directory>
    local dir=$1 holder status=0
    mkdir -p "${dir}"
    exec {lock_fd}>>"${dir}/.lock"
    python3 -m espnet_mtl.bin.lock "${lock_fd}" || status=$?
    if [ "${status}" -eq 75 ]; then  # IN_USE of espnet_mtl/locks.py
        holder=$(head -n 1 "${dir}/.lock")
        die "${dir} is in use by another run (process ${holder:-unknown}, or a job that it" \
            "left behind). Wait for it, stop it, or choose another directory (--expdir," \
            "--asr_exp, --dumpdir). Nothing was changed."
    elif [ "${status}" -ne 0 ]; then
        die "${dir} could not be locked: 'python3 -m espnet_mtl.bin.lock' failed with exit" \
            "status ${status}, as said above. Nothing was changed."
    fi
    echo "$$" > "${dir}/.lock"
}

# Run a stage. What systems share is locked while it is made, so that they can then train
# side by side.
run_stage() { # run_stage <stage>
    local shared=
    current_stage=$1
    case $1 in
        [1-5]) shared=${dumpdir} ;;
        6) shared=${lm_stats_dir} ;;
        7 | 8) shared=${lm_exp} ;;
        9) shared=${ngram_exp} ;;
        10) shared=${asr_stats_dir} ;;
    esac
    if [ -n "${shared}" ]; then
        lock_dir "${shared}"
    fi
    "stage_$1"
    if [ -n "${shared}" ]; then
        exec {lock_fd}>&-
    fi
    current_stage=
}

# Write a script that runs this command again from a stage on, with the same back-end. It
# may be what runs just now, and bash reads scripts as it goes: so the file is replaced, not
# written over.
write_resume_script() { # write_resume_script <directory> <stage>
    mkdir -p "$1"
    {
        echo "#!/usr/bin/env bash"
        printf 'cd %q || exit 1\n' "${PWD}"
        if [ -n "${given_backend}" ]; then
            # shellcheck disable=SC2016  # the script expands it
            printf 'export cmd_backend=${cmd_backend:-%q}\n' "${given_backend}"
        fi
        echo "exec ${run_command%--stage "$2" }--stage $2 \"\$@\""
    } > "$1/.run.sh"
    chmod +x "$1/.run.sh"
    mv "$1/.run.sh" "$1/run.sh"
}

# Split a table over jobs, never more jobs than lines. Prints the number of jobs.
split_keys() { # split_keys <table> <wanted jobs> <prefix of the parts>
    local table=$1 prefix=$3 jobs n parts=()
    jobs=$(min "$2" "$(count_lines "${table}")")
    for n in $(seq "${jobs}"); do
        parts+=("${prefix}.${n}.scp")
    done
    utils/split_scp.py "${table}" "${parts[@]}"
    echo "${jobs}"
}
