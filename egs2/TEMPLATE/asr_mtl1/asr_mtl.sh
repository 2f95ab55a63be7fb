#!/usr/bin/env bash
# Train a recogniser with an accent branch, export it, attack the export.
#
# Stages 1 to 14 have the numbers and meanings of ESPnet's asr.sh. Each stage is a
# function stage_N in scripts/stages_*.sh; this file holds what they share.
#
# shellcheck source-path=SCRIPTDIR disable=SC2034  # used by what is sourced

set -e
set -u
set -o pipefail

log() {
    local fname=${BASH_SOURCE[1]##*/}
    echo "$(date '+%Y-%m-%dT%H:%M:%S') (${fname}:${BASH_LINENO[0]}:${FUNCNAME[1]}) $*" >&2
}
SECONDS=0

# --help prints these lines: each option has its explanation behind it.
# >>> options
# What matters most
train_set=  # Name of the training set.
valid_set=  # Name of the validation set.
test_sets=  # Names of the test sets.

# General
stage=1              # First stage to run.
stop_stage=10000     # Last stage to run.
skip_stages=         # Stages to leave out, such as "12 13".
skip_data_prep=false # Leave out data preparation: 1 to 5.
skip_train=false     # Leave out training and what leads to it: 2, 4 to 11.
skip_eval=false      # Leave out decoding and scoring: 12, 13.
skip_packing=false   # Leave out packing: 14. The attack reads the packed model. (ESPnet: true.)
skip_attack=false    # Leave out the attack and its report: 15 to 18.
skip_upload_hf=true  # Leave out the upload to Hugging Face: 19.
eval_valid_set=false # Decode the validation set as well.
ngpu=1               # GPUs of each node for training and attack; 0 uses the CPU.
num_nodes=1          # Nodes to train on.
nj=32                # Jobs for data preparation and statistics.
inference_nj=32      # Jobs for decoding.
gpu_inference=false  # Decode on GPUs.
datadir=data         # Data directories of the corpus.
dumpdir=dump         # Formatted audio.
expdir=exp           # Statistics, models and results.
python=python3       # The Python to use.

# Data
local_data_opts=       # Options of local/data.sh.
speed_perturb_factors= # Speeds to train on, such as "0.9 1.0 1.1". Empty: as recorded.
feats_type=raw         # Only raw: the model computes its features from the waveform.
audio_format=flac      # Format of the formatted audio: flac or wav, one file each; flac.ark or wav.ark.
channels=error         # Recordings with several channels: error, mix (the mean of all) or first.
max_bad_audio=0.0      # Share of a set's utterances that may be left out: unreadable, empty or silent.
fs=16k                 # Sampling rate: 16k, 8k or a number of Hz.
min_wav_duration=0.1   # Shorter training utterances are dropped (seconds).
max_wav_duration=20    # Longer training utterances are dropped (seconds).

# Tokens and accents
token_type=bpe      # Output units: bpe, char or word.
nbpe=30             # Number of BPE units.
bpemode=unigram     # How BPE units are found: unigram or bpe.
bpe_nlsyms=         # Symbols that stay one BPE unit: a file, or a list with commas.
bpe_char_cover=1.0  # Share of the characters that BPE units cover; the rarest become <unk>.
bpe_input_sentence_size=100000000 # Sentences that BPE units are found in, at most.
bpe_train_text=     # Texts to find tokens in. Empty: that of the training set. (ESPnet, for char and word: lm_train_text.)
nlsyms_txt=none     # File of non-linguistic symbols, one a line: whole tokens for char, and left out of WER and CER.
cleaner=none        # Text cleaner: of the tokens' text, of training, and of references in scoring. (ESPnet: not of the BPE units' text.)
lang=noinfo         # Language; becomes part of directory names.
accent_list=        # File of accents, one a line. Empty: those of the training set.
allow_shared_speakers=false # Let validation and test sets have speakers of the training set.

# Language model
use_lm=false          # Train a language model: 6 to 8; decode and pack with it. (ESPnet: true.)
lm_tag=               # Name of its experiment. Empty: made from the settings.
lm_exp=               # Directory of its experiment. Empty: ${expdir}/lm_${lm_tag}.
lm_stats_dir=         # Directory of its statistics. Empty: made from the settings.
lm_config=            # Configuration of its training, such as conf/train_lm.yaml.
lm_args=              # Options of lm_train, such as "--max_epoch 10". They win over lm_config.
lm_train_text=        # Files like data/train/text to train on. Empty: that of the training set after stage 4; with speed_perturb_factors, as stage 1 leaves it. (ESPnet: as stage 1 leaves it.)
lm_dev_text=          # Text to validate on. Empty: that of the validation set, after stage 4. (ESPnet: before stage 4.)
lm_test_text=         # Text whose perplexity is measured. Empty: that of the first test set; without one, lm_dev_text.
lm_fold_length=150    # For batch_type folded: tokens.
num_splits_lm=1       # Parts of a text that is too long for the memory.
use_word_lm=false     # Must be false, as in ESPnet; for a model of words, use --token_type word.
use_ngram=false       # Count n-grams: 9; decode and pack with them. Needs KenLM.
ngram_exp=            # Directory of the n-grams, of tokens. Empty: made from the settings. (ESPnet: ${expdir}/ngram, of words.)
ngram_num=3           # Tokens of the longest n-gram.

# Training
asr_tag=                   # Name of the experiment. Empty: made from the settings.
asr_exp=                   # Directory of the experiment. Empty: ${expdir}/asr_mtl_${asr_tag}. (ESPnet: asr_${asr_tag}.)
asr_stats_dir=             # Directory of the statistics. Empty: ${expdir}/asr_mtl_stats_... (ESPnet: asr_stats_...)
asr_config=                # Configuration of the training.
asr_config_fs=             # Sampling rate that asr_config is written for. At another --fs, its windows keep their length in time. Empty: in samples.
asr_args=                  # Options of asr_mtl_train, such as "--max_epoch 10". They win over asr_config.
asr_corpus_args=           # The same, set by a recipe's run.sh for its corpus. asr_args wins.
pretrained_model=          # Weights to start from, as ESPnet's --init_param takes them, or packed (.zip).
ignore_init_mismatch=false # Leave out initial weights whose shapes do not fit.
feats_normalize=global_mvn # global_mvn uses the statistics of stage 10; with any other value, asr_config decides.
asr_speech_fold_length=800 # For batch_type folded: frames of 100 samples.
asr_text_fold_length=150   # For batch_type folded: tokens.
max_ctc_too_short=0.1      # Share of the training set that may have fewer encoder frames than CTC needs.

# Decoding and scoring
batch_size=1         # Utterances decoded at a time. Must be 1.
inference_tag=       # Name of the decoding. Empty: made from the settings.
inference_config=    # Configuration of the decoding.
inference_args=      # Options of asr_mtl_inference, such as "--beam_size 5".
inference_asr_model=valid.acc.ave.pth # Weights to decode with and to pack.
packed_model=        # The packed model. Empty: a zip in the experiment's directory, named after it and the weights.
inference_lm=valid.loss.ave.pth       # Those of the language model. Its share: --inference_args "--lm_weight 0.3".
inference_ngram=     # File of n-grams in ngram_exp. Empty: ${ngram_num}gram.bin. (ESPnet: 3gram.bin.)
hyp_cleaner=none     # Text cleaner of hypotheses in scoring.
score_opts=          # Options of asr_mtl_score, such as -s, which tells A from a, without an attack. (ESPnet: options of sclite.)
local_score_opts=    # Options of the recipe's local/score.sh, where it has one.

# Attack
attack_config=conf/attack_pgd.yaml # Configuration of the attack.
attack_args=         # Settings that replace those of attack_config, such as "steps=5 budgets=[0.001]".
attack_tag=          # Name of the attack. Empty: made from the settings.
attack_source_zips=  # Other packed models, for transfer attacks.
attack_sets=         # Sets to attack. Empty: the test sets.
attack_nj=1          # Jobs for the attack.
num_attack_utts=     # Utterances to attack in each set. Empty: all.
system_name=         # Name in results. Empty: made from the experiment's name.

# Upload
hf_repo=             # Where to upload to: <user>/<name>.
hf_lang=             # Language that the model card states, a code of ISO 639. Empty: --lang.
hf_license=cc-by-4.0 # Licence that the model card states, as Hugging Face names it.
hf_license_name=     # Name of the licence, with --hf_license other.
hf_license_link=     # Its address, with --hf_license other.
upload_dry_run=true  # Make the files and list them, and upload nothing.
# <<< options

# The recipe is the current directory; run.sh is called there, as ESPnet's are.
run_command="$(printf '%q ' "$0" "$@")"
given_backend=${cmd_backend:-}
help_message="Usage: $0 --train_set <name> --valid_set <name> --test_sets <names> [options]
$(awk -f scripts/print_options.awk "$0")"

log "${run_command% }"
. scripts/refused_options.sh
accept_refused_options
. utils/parse_options.sh

if [ $# -ne 0 ]; then
    log "${help_message}"
    log "Error: No positional arguments are required."
    exit 2
fi

. ./path.sh
. ./cmd.sh
. scripts/common.sh
. scripts/check_options.sh
. scripts/names.sh
. scripts/stages_data.sh
. scripts/stages_lm.sh
. scripts/stages_asr.sh
. scripts/stages_attack.sh
. scripts/stages_upload.sh

check_options
make_names
check_needs

trap 'report_failure $?' EXIT
if is_wanted 11 12 13 14 15 16 17 19; then
    lock_dir "${asr_exp}"  # Held to the end.
fi
for n in ${all_stages}; do
    if is_wanted "${n}"; then
        run_stage "${n}"
    fi
done
log "Successfully finished. [elapsed=${SECONDS}s]"
