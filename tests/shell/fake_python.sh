#!/usr/bin/env bash
# Stands in for the project's commands in asr_mtl.bats: notes each call in ${CALLS} and
# writes the files that the next stage reads. Everything else goes to the real Python.

set -e

if [ "$1" != -m ]; then
    case "$*" in
        *find_spec*)
            if [ "${!#}" = "${FAKE_LACKS:-}" ]; then exit 1; fi
            exit "${FAKE_NO_ESPNET:-0}"
            ;;
        *) exec "${REAL_PYTHON}" "$@" ;;
    esac
fi
case $2 in
    *.lock | *.stamp | *.trained_on | *.check_lm_weight | *.scale_frontend) exec "${REAL_PYTHON}" "$@" ;;  # small and real
esac
module=${2##*.}
shift 2
echo "${module} $*" >> "${CALLS}"
if [ "${module}" = "${FAKE_FAILS:-}" ] && [[ " $*" == *"${FAKE_FAILS_WITH:-}"* ]]; then
    echo "fake ${module}: failed as asked" >&2
    exit 1
fi
arguments=("$@")

value_of() { # value_of <option>: its last value
    local n
    for ((n = ${#arguments[@]} - 1; n > 0; n--)); do
        if [ "${arguments[n - 1]}" = "$1" ]; then
            echo "${arguments[n]}"
            return
        fi
    done
}

case ${module} in
    format_wav_scp | remove_long_short | perturb_data_dir_speed)
        # The merge writes what is shared.
        case " $* " in *" --job "* | *" --check "*) exit 0 ;; esac
        from=${*: -2:1} to=${*: -1}
        mkdir -p "${to}"
        cp "${from}"/{wav.scp,text,utt2accent} "${to}"
        ;;
    token_list)
        mkdir -p "$(value_of --output)"
        printf '%s\n' '<blank>' '<unk>' a b '<sos/eos>' > "$(value_of --output)/tokens.txt"
        ;;
    accent_list)
        mkdir -p "$(dirname "$(value_of --output)")"
        printf '%s' "${FAKE_ACCENTS-north
south
}" > "$(value_of --output)"
        ;;
    lm_text)
        shift 2
        cat "$@" > "${arguments[1]}"
        ;;
    tokenize_text)
        cut -d ' ' -f 2- "$(value_of --input)"
        ;;
    split_scps)
        mkdir -p "$(value_of --output_dir)"
        ;;
    lm_train | asr_mtl_train)
        output=$(value_of --output_dir)
        if [ "$(value_of --collect_stats)" = true ]; then
            for mode in train valid; do
                mkdir -p "${output}/${mode}"
                cut -d ' ' -f 1 "$(value_of "--${mode}_shape_file")" | sed 's/$/ 7/' \
                    | tee "${output}/${mode}/speech_shape" > "${output}/${mode}/text_shape"
                echo sums > "${output}/${mode}/feats_stats.npz"
            done
            echo "frontend: default" > "${output}/config.yaml"
        else
            sleep "${FAKE_TRAINING_SECONDS:-0}"
            echo "seed: 5" > "${output}/config.yaml"
            name=valid.acc.ave.pth
            if [ "${module}" = lm_train ]; then name=valid.loss.ave.pth; fi
            echo weights > "${output}/${name}"
        fi
        ;;
    aggregate_stats_dirs)
        for mode in train valid; do
            mkdir -p "$(value_of --output_dir)/${mode}"
            cat "$(dirname "$(value_of --input_dir)")"/stats.*/"${mode}/text_shape" \
                > "$(value_of --output_dir)/${mode}/text_shape"
            case " $* " in
                *" --skip_sum_stats "*) ;;
                *) echo sums > "$(value_of --output_dir)/${mode}/feats_stats.npz" ;;
            esac
        done
        ;;
    asr_mtl_inference)
        output=$(value_of --output_dir)/1best_recog
        mkdir -p "${output}"
        for name in text token token_int score accent accent_score; do
            cut -d ' ' -f 1 "$(value_of --key_file)" | sed 's/$/ heard/' \
                | sed "${FAKE_LOSES:-}" > "${output}/${name}"
        done
        printf '%s\n' north south > "${output}/../accents"
        ;;
    lm_calc_perplexity)
        mkdir -p "$(value_of --output_dir)"
        echo 7.5 > "$(value_of --output_dir)/ppl"
        ;;
    asr_mtl_pack)
        echo zip > "$(value_of --outpath)"
        ;;
    choose_targets)
        cp "$(value_of --text)" "$(value_of --output)"
        ;;
    asr_mtl_attack)
        # Jobs run side by side: as in the real command, only the merge writes what is shared.
        case " $* " in *" --merge "*) ;; *) exit 0 ;; esac
        cp "$(value_of --data_dir)"/{wav.scp,text,utt2accent} "$(value_of --output_dir)"
        echo "{}" > "$(value_of --output_dir)/records.jsonl"
        ;;
    asr_mtl_score)
        if [ "$1" = stamp ]; then
            echo "{}" > "$(value_of --hyp_dir)/stamp.json"
        fi
        echo "# RESULTS"
        ;;
esac
