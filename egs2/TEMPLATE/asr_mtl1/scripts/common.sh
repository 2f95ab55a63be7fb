#!/usr/bin/env bash
# Functions that all stages use. Sourced by asr_mtl.sh.
#
# shellcheck disable=SC2034,SC2154  # variables are shared with asr_mtl.sh

# -- Messages

die() { # die <message>
    # Logged with the caller's line.
    local fname=${BASH_SOURCE[1]##*/}
    echo "$(date '+%Y-%m-%dT%H:%M:%S') (${fname}:${BASH_LINENO[0]}:${FUNCNAME[1]}) Error: $*" >&2
    exit 2
}

# -- Stages

all_stages=$(seq -s ' ' 19)
current_stage=

contains() { # contains "<words>" <word>
    [[ " $1 " == *" $2 "* ]]
}

in_range() { # in_range <stage>
    [ "$1" -ge "${stage}" ] && [ "$1" -le "${stop_stage}" ]
}

is_wanted() { # is_wanted <stage>...: whether this run has any of these stages
    local n
    for n in "$@"; do
        if in_range "${n}" && ! contains "${skip_stages}" "${n}"; then
            return 0
        fi
    done
    return 1
}

# Run a stage. Directories that several systems share are locked only while they are made,
# so that the systems can then train side by side.
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

report_failure() { # report_failure <exit status>
    if [ "$1" -ne 0 ] && [ -n "${current_stage}" ]; then
        log "Stage ${current_stage} stopped with exit status $1. Finished work is kept:" \
            "fix the cause and continue with --stage ${current_stage}."
    fi
}

# Lock a directory for this run. The lock belongs to an open file, whose number goes to
# lock_fd: the kernel releases it when the last process of the run ends, however it ends.
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
            "status ${status}; its message is above. Nothing was changed."
    fi
    echo "$$" > "${dir}/.lock"
}

# Write a script that repeats this command from a stage on, with the same cmd_backend. It
# is replaced, not overwritten: bash may be reading it, when this run was started by it.
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

# -- Files that a stage needs

need_file() { # need_file <path> <stage that makes it>
    if [ ! -s "$1" ]; then
        die "$1 does not exist or is empty: run stage $2 first."
    fi
}

# A text that the user may have named with an option; otherwise a stage makes it.
need_text() { # need_text <option> <path> <stage>
    if contains "${given_texts}" "$1" && [ ! -s "$2" ]; then
        die "--$1 $2 does not exist or is empty. Give another file, or run the stage that" \
            "makes it."
    fi
    need_file "$2" "$3"
}

need_token_list() {
    if [ ! -s "${token_list}" ] && "${skip_data_prep}"; then
        die "${token_list} does not exist or is empty, and --skip_data_prep true leaves out" \
            "stage 5, which makes it. Put the token list there (for bpe, bpe.model beside it)," \
            "give the --lang, --token_type and --nbpe that it was made with, or make it: run" \
            "--stage 5 --stop_stage 5 without --skip_data_prep."
    fi
    need_file "${token_list}" 5
}

# The directory's name is made from options. If it is missing, name the experiments that
# exist: one of them may be meant.
need_experiment() { # need_experiment <directory> <file in it> <stage that makes it>
    local kind=asr_mtl file others=
    if [[ ${1##*/} == lm_* ]]; then
        kind=lm
    fi
    if [ ! -s "$1/config.yaml" ]; then
        for file in "${1%/*}/${kind}"_*/config.yaml; do
            if [ -s "${file}" ]; then
                others+=${others:+, }${file%/*}
            fi
        done
        if [ -n "${others}" ]; then
            die "$1/$2 does not exist or is empty: run stage $3 first. There is ${others}:" \
                "did it get other options? --token_type, --nbpe, --lang and --asr_config," \
                "--asr_args, --asr_tag (for a language model, --lm_...) are part of the name."
        fi
    fi
    need_file "$1/$2" "$3"
}

# -- Tables and jobs

count_lines() { # count_lines <file>: a last line without newline counts too
    awk 'END { print NR }' < "$1"
}

min() { # min <number>...
    printf '%s\n' "$@" | sort -n | head -n 1
}

# Split a table over jobs, at most one job for each line. Prints the number of jobs.
split_keys() { # split_keys <table> <wanted jobs> <prefix of the parts>
    local jobs n parts=()
    jobs=$(min "$2" "$(count_lines "$1")")
    for n in $(seq "${jobs}"); do
        parts+=("$3.${n}.scp")
    done
    utils/split_scp.py "$1" "${parts[@]}"
    echo "${jobs}"
}
