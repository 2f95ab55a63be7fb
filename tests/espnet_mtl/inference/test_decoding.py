"""Tests of what a decoding depends on."""

import subprocess
import sys

import pytest

from espnet_mtl.errors import UserError
from espnet_mtl.inference.decoding import FILE_OPTIONS, Decoding

# The options of ESPnet's asr_inference whose values are no files, or files that are
# given in another way: the model and the audio.
NO_FILES = """
    help config log_level output_dir ngpu seed dtype num_workers
    data_path_and_name_and_type key_file allow_variable_data_keys
    asr_train_config asr_model_file model_tag enh_s2t_task multi_asr
    quantize_asr_model quantize_lm quantize_modules quantize_dtype
    batch_size nbest beam_size penalty maxlenratio minlenratio ctc_weight lm_weight
    ngram_weight streaming hugging_face_decoder hugging_face_decoder_conf
    transducer_conf token_type time_sync lang_prompt_token nlp_prompt_token
    normalize_length partial_ar threshold_probability max_seq_len max_mask_parallel
""".split()
SINCE_202511 = ["ctc_window_margin"]


def test_each_option_of_espnet_is_known_to_name_a_file_or_not():
    from espnet2.bin import asr_inference

    options = {action.dest for action in asr_inference.get_parser()._actions}
    assert options - {*SINCE_202511} == {*NO_FILES, *FILE_OPTIONS}


def test_prefixes_are_scored_over_all_frames_unless_somebody_wants_a_window():
    """With every release of ESPnet: 202611 has a window, which loses hypotheses."""
    from espnet_mtl.inference.search import read_search

    (name,) = SINCE_202511
    searches = {0: read_search(Decoding())}
    if name in searches[0].options:
        searches[7] = read_search(Decoding(args=f"--{name} 7"))
    for window, search in searches.items():
        assert search.options.get(name, 0) == window


@pytest.mark.parametrize(
    "given",
    [
        "--lm_file '{}' --beam_size 5",
        "--beam_size 5 --lm_file='{}'",
        "--lm_fi '{}' --beam_size 5",  # as the parser takes it
        "--lm_file other --beam_size 5 --lm_file '{}'",
    ],
)
def test_files_are_known_by_what_is_in_them(tmp_path, given):
    stamps = []
    for folder in ("a folder", "another.folder"):
        file = tmp_path / folder / "lm.pth"
        file.parent.mkdir()
        file.write_text("weights")
        stamps.append(Decoding(None, given.format(file)).stamp())
    file.write_text("other weights")
    other = Decoding(None, given.format(file)).stamp()

    assert stamps[0] == stamps[1]
    assert stamps[0]["args"] == {"beam_size": ["5"]}
    assert {name for name in other if other[name] != stamps[0][name]} == {"files"}


def test_arguments_win_over_the_configuration(tmp_path):
    mine, other = tmp_path / "mine.pth", tmp_path / "other.pth"
    mine.write_text("mine")
    other.write_text("other")
    config = tmp_path / "decode.yaml"
    config.write_text(f"# a comment\nctc_weight: 0.3\nlm_file: {other}\n")
    stamp = Decoding(config, f"--lm_file {mine}").stamp()
    assert stamp["config"] == {"ctc_weight": 0.3}
    assert stamp["files"] == Decoding(None, f"--lm_file {mine}").stamp()["files"]

    instead = tmp_path / "instead.yaml"
    instead.write_text("ctc_weight: 0.5\n")
    stamp = Decoding(config, f"--config {instead}").stamp()
    assert stamp == {"config": {"ctc_weight": 0.5}, "args": {}, "files": {}}


def test_a_tokenizer_may_have_a_name_instead_of_a_file():
    assert Decoding(None, "--bpemodel whisper_en").stamp()["files"] == {
        "bpemodel": "whisper_en"
    }


@pytest.mark.parametrize(
    ("config", "args", "message"),
    [
        ("missing.yaml", "", "missing.yaml: no such file"),
        (None, "--lm_file no.pth", "--lm_file no.pth: no such file"),
        (None, "--lm_file", "--lm_file needs a file"),
        (None, "--lm_file 'no.pth", "No closing quotation"),
        (None, "5", "'5' is no option"),
    ],
)
def test_what_is_missing_is_named(tmp_path, config, args, message):
    with pytest.raises(UserError, match=message):
        Decoding(config and tmp_path / config, args).stamp()


@pytest.mark.parametrize("text", ["[1, 2]", "", "a: b: c"])
def test_a_configuration_has_options(tmp_path, text):
    config = tmp_path / "decode.yaml"
    config.write_text(text)
    with pytest.raises(UserError, match="decode.yaml: "):
        Decoding(config).stamp()


def test_neither_settings_nor_packages_need_torch():
    code = (
        "import sys, espnet_mtl.inference.decoding, espnet_mtl.package.contents, "
        "espnet_mtl.package.repository\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
