"""Recognised in a batch, an utterance is heard as it is heard alone."""

import logging
from types import SimpleNamespace

import pytest
import torch
from model_factory import pack_hearing, pack_stock, pack_tiny, save_lm, speeches

from espnet_mtl.espnet_nets import import_nets
from espnet_mtl.inference import batch_recogniser
from espnet_mtl.inference.batch_recogniser import BatchRecogniser
from espnet_mtl.inference.batch_search import BatchSearch, can_batch
from espnet_mtl.inference.ctc_prefixes import CTCPrefixes
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.listener import PackedListener
from espnet_mtl.inference.speech2text import Speech2TextAccent
from espnet_mtl.package.packing import pack_model

CTC, ATT, JOINT = "--ctc_weight 1", "--ctc_weight 0", "--ctc_weight 0.3"
SHORT = "--maxlenratio -9"  # an untrained decoder finds no end


def alone(zip_file, args, audios, monkeypatch):
    """What a recogniser hears that knows nothing of batches."""
    with monkeypatch.context() as patch:
        patch.setattr(batch_recogniser, "hear_alone", lambda model: "nothing is known")
        listener = PackedListener(zip_file, Decoding(args=args))
    assert not listener._together.able
    return [listener(audio) for audio in audios]


MODELS = {
    "conformer": {},
    "legacy positions": {
        "encoder_conf": dict.fromkeys(
            ["rel_pos_type", "pos_enc_layer_type", "selfattention_layer_type"]
        )
    },
    "accents of an earlier block": {
        "accent_head": "attentive_pooling",
        "accent_head_conf": {"layer": 1},
    },
    "accents of an earlier block, attention alone": {
        "accent_head_conf": {"layer": 1},
        "model_conf": {"ctc_weight": 0.0},
    },
    "no accents": {"accent_weight": 0.0},
    "no subsampling": {"encoder_conf": {"input_layer": "linear"}},
    "normalised by the utterance": {"normalize": "utterance_mvn"},
}
SEARCHES = {
    "ctc": f"{CTC} --beam_size 3",
    "ctc, greedy": f"{CTC} --beam_size 1",
    "ctc, every token in the beam but one": f"{CTC} --beam_size 6",
    "ctc, at least five tokens": f"{CTC} --beam_size 3 --minlenratio -5",
    "ctc, at most a tenth": f"{CTC} --beam_size 3 --maxlenratio 0.1",
    "ctc, a bonus for length": f"{CTC} --beam_size 3 --penalty 0.7",
    "attention": f"{ATT} --beam_size 3 {SHORT}",
    "attention, by length": f"{ATT} --beam_size 4 {SHORT} --normalize_length true",
    "attention, until no longer one can win": f"{ATT} --beam_size 3",
    "joint": f"{JOINT} --beam_size 3",
    "joint, two": f"{JOINT} --beam_size 2 {SHORT} --penalty -0.2",
    "joint, no pre-selection": f"{JOINT} --beam_size 6 {SHORT}",
}
CASES = [("conformer", search) for search in SEARCHES]
CASES += [
    (model, search)
    for model, settings in list(MODELS.items())[1:]
    for search in (("attention",) if "model_conf" in settings else ("ctc", "joint"))
]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    made = {}

    def get(model):
        if model not in made:
            made[model] = pack_hearing(
                tmp_path_factory.mktemp("model"), **MODELS[model]
            )
        return made[model]

    return get


@pytest.mark.parametrize(("model", "search"), CASES)
def test_a_batch_is_heard_as_its_utterances_are_alone(
    packed, model, search, monkeypatch
):
    audios = speeches()
    expected = alone(packed(model), SEARCHES[search], audios, monkeypatch)
    listener = PackedListener(packed(model), Decoding(args=SEARCHES[search]))
    monkeypatch.setattr(Speech2TextAccent, "recognise", None)  # nobody is heard alone
    assert listener.hear_all(audios) == expected
    assert len({one.text for one in expected}) > 1, "too easy: all sound the same"


def test_without_padding_in_it_the_model_hears_a_single_utterance_as_before(
    packed, monkeypatch
):
    for search in ("ctc", "joint"):
        expected = alone(packed("conformer"), SEARCHES[search], speeches(), monkeypatch)
        listener = PackedListener(packed("conformer"), Decoding(args=SEARCHES[search]))
        assert listener._together.able
        assert [listener(audio) for audio in speeches()] == expected


def test_utterances_are_put_into_batches_of_limited_size(packed, monkeypatch):
    listener = PackedListener(packed("conformer"), Decoding(args=SEARCHES["joint"]))
    audios = speeches()
    expected = listener.hear_all(audios)
    sizes = []
    encode = listener._speech2text.model.encode

    def count(batch, lengths):
        sizes.append(batch.numel())
        return encode(batch, lengths)

    monkeypatch.setattr(listener._speech2text.model, "encode", count)
    monkeypatch.setattr(batch_recogniser, "_MOST_SAMPLES", 12000)
    assert listener.hear_all(audios) == expected
    assert len(sizes) > 2 and max(sizes) <= 12000


@pytest.mark.parametrize("model", ["conformer", "no subsampling"])
@pytest.mark.parametrize("short", [10, 60, 200, 500, 700])
def test_what_is_too_short_for_the_model_is_heard_alone(packed, model, short, caplog):
    listener = PackedListener(packed(model), Decoding(args=SEARCHES["joint"]))
    audio = speeches(1)[0][:short]
    expected = [listener(one) for one in (*speeches(3), audio)]

    def count():
        return sum("nothing was heard" in record.message for record in caplog.records)

    said = count()
    assert listener.hear_all([*speeches(3), audio]) == expected
    assert count() == 2 * said and said == (expected[-1].accent is None)
    assert listener.hear_all([audio, audio]) == [expected[-1]] * 2


def test_a_quantised_model_hears_each_alone(packed):
    """Its layers scale their input by the largest number of the whole batch."""
    args = f"{SEARCHES['ctc']} --quantize_asr_model true"
    listener = PackedListener(packed("conformer"), Decoding(args=args))
    assert not listener._together.able
    audios = speeches(3)
    assert listener.hear_all(audios) == [listener(audio) for audio in audios]


def test_where_nothing_may_end_each_is_heard_alone(packed, caplog):
    """ESPnet then asks again for less."""
    args = f"{JOINT} --beam_size 1 --minlenratio 0.99 --maxlenratio 0.5"
    listener = PackedListener(packed("conformer"), Decoding(args=args))
    audios = speeches(3)
    assert listener._together(audios) == [None] * 3
    expected = [listener(audio) for audio in audios]
    assert listener.hear_all(audios) == expected


@pytest.mark.parametrize(
    ("overrides", "args"),
    [
        (
            {
                "decoder": "rnn",
                "decoder_conf": dict.fromkeys(
                    ["attention_heads", "linear_units", "num_blocks"]
                ),
            },
            f"{JOINT} --beam_size 2 {SHORT}",
        ),
        ({}, f"{JOINT} --beam_size 2 {SHORT} --lm_weight 0.5"),
        ({}, f"{CTC} --beam_size 2 --dtype float64"),
        ({}, CTC),
    ],
    ids=["another decoder", "a language model", "double precision", "a beam of all"],
)
def test_what_is_not_known_in_batches_is_heard_one_by_one(tmp_path, overrides, args):
    zip_file = pack_hearing(tmp_path, **overrides)
    if "lm_weight" in args:
        lm = tuple(save_lm(tmp_path / "lm"))
        config, weights = tmp_path / "config.yaml", tmp_path / "model.pth"
        pack_model(config, weights, [], zip_file, lm=lm)
    listener = PackedListener(zip_file, Decoding(args=args))
    assert not listener._together.able
    audios = speeches(2)
    assert listener.hear_all(audios) == [listener(audio) for audio in audios]


def test_a_window_of_ctc_scores_is_left_to_espnet(packed):
    """ESPnet moves it by all hypotheses of an utterance, from 202611 on."""
    listener = PackedListener(packed("conformer"), Decoding(args=SEARCHES["joint"]))
    search = listener._speech2text.speech2text.beam_search
    assert can_batch(search)
    search.scorers["ctc"].window_margin = 100
    assert not can_batch(search)


def test_a_stock_package_is_heard_in_batches_too(tmp_path, monkeypatch):
    zip_file, args = pack_stock(tmp_path), f"{JOINT} --beam_size 2 {SHORT}"
    expected = alone(zip_file, args, speeches(), monkeypatch)
    listener = PackedListener(zip_file, Decoding(args=args))
    assert listener._together.able
    assert listener.hear_all(speeches()) == expected
    assert all(one.accent is None for one in expected)


def test_what_the_search_says_stays_out_of_the_log(packed, caplog):
    caplog.set_level(logging.INFO)
    listener = PackedListener(packed("conformer"), Decoding(args=SEARCHES["joint"]))
    caplog.clear()
    listener.hear_all(speeches(3))
    assert not caplog.records


@pytest.mark.parametrize("candidates", [None, 3])
def test_prefixes_have_the_scores_of_espnets_scorer(candidates):
    """Those of an utterance alone, over several tokens of two hypotheses."""
    scorer_of = import_nets("scorers.ctc").CTCPrefixScorer
    generator = torch.Generator().manual_seed(0)
    log_probs = (2 * torch.randn(3, 12, 6, generator=generator)).log_softmax(2)
    lengths, blank, eos = torch.tensor([12, 7, 9]), 0, 5
    ours = CTCPrefixes(log_probs, lengths, blank, eos)
    given = SimpleNamespace(log_softmax=torch.clone)
    theirs = [scorer_of(given, eos) for _ in lengths]
    for row, scorer in enumerate(theirs):
        scorer.batch_init_state(log_probs[row, : lengths[row]])
    states, prefixes = [[None]] * 3, torch.full((3, 1, 1), eos)
    for _ in range(4):
        beam = prefixes.shape[1]
        ids = torch.arange(6).expand(3, beam, 6)
        if candidates:
            noise = torch.rand(3, beam, 6, generator=generator)
            ids = noise.topk(candidates, dim=2)[1]
        found = ours.score(prefixes[..., -1], ids)
        scored = [
            scorer.batch_score_partial(
                prefix, some if candidates else None, state, None
            )
            for scorer, prefix, some, state in zip(
                theirs, prefixes, ids, states, strict=True
            )
        ]
        expected = torch.stack([scores for scores, _ in scored])
        possible = expected > -1e9
        assert possible.any(dim=2).all()
        torch.testing.assert_close(found[possible], expected[possible])
        assert (found[~possible] < -1e9).all()

        # The two best that are not the end
        ranked = found.index_fill(2, torch.tensor([eos]), -torch.inf)
        places = ranked.flatten(1).topk(2)[1]
        hypotheses, tokens = places // 6, places % 6
        ours.keep(hypotheses, tokens)
        states = [
            [
                theirs[row].select_state(scored[row][1], hypothesis, token)
                for hypothesis, token in zip(hypotheses[row], tokens[row], strict=True)
            ]
            for row in range(3)
        ]
        rows = torch.arange(3)[:, None]
        prefixes = torch.cat([prefixes[rows, hypotheses], tokens[..., None]], dim=2)


def test_a_search_goes_on_with_those_that_are_not_finished(packed):
    """What it costs goes with what is still searched."""
    listener = PackedListener(packed("conformer"), Decoding(args=SEARCHES["joint"]))
    stock = listener._speech2text.speech2text
    sizes, forward = [], stock.asr_model.decoder.forward_one_step

    def count(tokens, *args, **kwargs):
        sizes.append(len(tokens))
        return forward(tokens, *args, **kwargs)

    stock.asr_model.decoder.forward_one_step = count
    search = BatchSearch(stock.beam_search, 0.0, 0.0)
    lengths = torch.tensor([3, 12, 30])
    encoded = torch.randn(3, 30, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = search(encoded, lengths)
        together = sizes.copy()
        for row, length in enumerate(lengths):
            ((tokens, score),) = search(encoded[row, None, :length], length[None])
            assert found[row] == (tokens, pytest.approx(score))
    assert together[:2] == [3, 9] and together[-1] == 3
    assert sum(together) == sum(sizes) - sum(together)


def test_a_listener_of_a_tiny_package_is_able(tmp_path):
    """The recipes' own kinds of model are heard in batches."""
    for folder, weight in (("ctc", 1.0), ("att", 0.0), ("joint", 0.3)):
        zip_file = pack_tiny(tmp_path / folder, model_conf={"ctc_weight": weight})
        decoding = Decoding(args=f"--ctc_weight {weight} --beam_size 2")
        recogniser = PackedListener(zip_file, decoding)._speech2text
        assert BatchRecogniser(recogniser).able
