"""Packed models as victims: their losses are ESPnet's, and they stay as they are."""

import hashlib
import itertools
from dataclasses import replace

import pytest
import sentencepiece
import torch
from model_factory import (
    ACCENTS,
    make_batch,
    make_settings,
    pack_stock,
    pack_tiny,
    write_data_dir,
)

from espnet_mtl.attack.balls import make_ball
from espnet_mtl.attack.losses import WeightedLoss
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.shuffled import Shuffled
from espnet_mtl.attack.problem import Problem
from espnet_mtl.attack.runner.feasibility import explain_infeasible
from espnet_mtl.bin import asr_mtl_attack
from espnet_mtl.errors import UserError
from espnet_mtl.results.infeasible import Infeasible
from espnet_mtl.tokens.ctc import ctc_frames_needed
from espnet_mtl.victim.espnet_victim import load_victim

TARGETS = [[2, 5, 3], [4], [2, 2, 3]]


@pytest.fixture(scope="module")
def hybrid_zip(tmp_path_factory):
    return pack_tiny(
        tmp_path_factory.mktemp("hybrid"),
        model_conf={"ctc_weight": 0.3, "lsm_weight": 0.0},
        accent_weight=0.4,
    )


@pytest.fixture
def victim(hybrid_zip):
    return load_victim(hybrid_zip)


@pytest.fixture
def speech():
    batch = make_batch()
    return batch["speech"], batch["speech_lengths"]


def all_losses(victim, speech, lengths, texts=TARGETS):
    accents = range(len(texts))
    return victim.losses(speech, lengths, texts, accents, tuple(victim.weights))


def test_its_weights_are_those_of_training(victim):
    assert victim.weights == pytest.approx({"ctc": 0.18, "att": 0.42, "accent": 0.4})
    assert victim.accents == tuple(ACCENTS)


def test_its_losses_are_those_of_espnets_own_forward(victim, speech):
    """One utterance at a time, so that ESPnet's means over the batch are its values."""
    for row, text in enumerate(TARGETS):
        length = speech[1][row : row + 1]
        audio = speech[0][row : row + 1, : int(length)]
        ours = victim.losses(audio, length, [text], [row], ("ctc", "att", "accent"))
        _, stats, _ = victim._model(
            speech=audio,
            speech_lengths=length,
            text=torch.tensor([text]),
            text_lengths=torch.tensor([len(text)]),
            accent=torch.tensor([[row]]),
        )
        for name in ours:
            expected = stats[f"loss_{name}"]
            torch.testing.assert_close(
                ours[name], expected.reshape(1), rtol=1e-4, atol=1e-5
            )


def test_only_the_branches_asked_for_are_computed(victim, speech):
    losses = victim.losses(*speech, TARGETS, [0, 1, 2], ("att",))
    assert set(losses) == {"att"} and losses["att"].shape == (3,)


@pytest.mark.parametrize("model_conf", [{"ctc_weight": 1.0}, {"ctc_weight": 0.0}])
def test_a_branch_that_does_not_exist_is_not_offered(tmp_path, model_conf, speech):
    victim = load_victim(pack_tiny(tmp_path, model_conf=model_conf, accent_weight=0.0))
    assert list(victim.weights) == ["ctc" if model_conf["ctc_weight"] else "att"]
    assert all(torch.isfinite(x).all() for x in all_losses(victim, *speech).values())


def test_an_attack_leaves_the_model_bit_identical(victim, speech):
    before = {k: v.clone() for k, v in victim._model.state_dict().items()}
    loss = WeightedLoss(victim, victim.weights, speech[1], TARGETS, [0, 1, 2])
    ball = make_ball("linf", 0.05, *speech)
    attacked = PGD(steps=5)(Problem(loss, ball, None, [1, 2, 3], victim.rate))
    assert (attacked.loss_end < attacked.loss_start).all()
    after = victim._model.state_dict()
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert torch.equal(value, after[name]), name
    assert all(p.grad is None for p in victim._model.parameters())
    assert not victim._model.training


def test_repeated_runs_agree_to_the_bit(victim, speech):
    first, second = (all_losses(victim, *speech) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def gradient(victim, speech, lengths, texts):
    delta = torch.zeros_like(speech, requires_grad=True)
    loss = WeightedLoss(victim, victim.weights, lengths, texts, [0] * len(texts))
    return torch.autograd.grad(loss(speech + delta).sum(), delta)[0]


def equal_signs(victim, speech, lengths):
    """Share of samples whose gradient has the same sign alone and in the batch."""
    together = gradient(victim, speech, lengths, TARGETS)
    shares = []
    for row, text in enumerate(TARGETS):
        length = lengths[row : row + 1]
        alone = gradient(victim, speech[row : row + 1, : int(length)], length, [text])
        same = alone[0].sign() == together[row, : int(length)].sign()
        shares.append(same.float().mean().item())
    return shares


def test_without_care_padding_would_change_it(hybrid_zip, speech, monkeypatch):
    """The model's own effect, which the victim takes out; 202611 has less of it."""
    monkeypatch.setattr(
        "espnet_mtl.victim.espnet_victim.hear_alone", lambda model: None
    )
    shares = equal_signs(load_victim(hybrid_zip), *speech)
    assert shares[0] > 0.9999  # the longest has no padding
    assert max(shares[1:]) < 0.9999


def test_taking_padding_out_changes_nothing_for_an_utterance_alone(
    hybrid_zip, speech, monkeypatch
):
    ours = all_losses(load_victim(hybrid_zip), speech[0][:1], speech[1][:1], [[2, 5]])
    monkeypatch.setattr(
        "espnet_mtl.victim.espnet_victim.hear_alone", lambda model: None
    )
    own = all_losses(load_victim(hybrid_zip), speech[0][:1], speech[1][:1], [[2, 5]])
    assert all(torch.equal(ours[name], own[name]) for name in own)


def test_frames_needed_are_those_that_make_the_loss_finite():
    for length in range(1, 5):
        for text in itertools.product([1, 2], repeat=length):
            needed = ctc_frames_needed(text)
            for frames, finite in ((needed, True), (max(needed - 1, 1), needed == 1)):
                loss = torch.nn.functional.ctc_loss(
                    torch.zeros(frames, 1, 3).log_softmax(2),
                    torch.tensor([text]),
                    [frames],
                    [length],
                )
                assert torch.isfinite(loss).item() is finite


def test_audio_shorter_than_half_a_window_has_no_frames(victim):
    assert victim.num_frames(30) == victim.num_frames(64) == 0


def test_a_model_that_scales_its_audio_is_refused(tmp_path):
    zip_file = pack_tiny(tmp_path, speech_volume_normalize=0.5)
    with pytest.raises(UserError, match="x.zip: .*speech_volume_normalize"):
        load_victim(zip_file)


def test_targets_are_cleaned_as_the_training_text_was(tmp_path):
    victim = load_victim(pack_tiny(tmp_path, cleaner="tacotron"))
    assert victim.encode_text("a  B") != [2, 5, 5, 3]  # "A B": no double blank
    assert len(victim.encode_text("a  B")) == 3


def test_what_cannot_be_heard_is_known(victim):
    frames = victim.num_frames(6000)
    assert frames > 3

    def explain(text):
        return explain_infeasible(victim, 6000, text)

    assert explain("ab" * (frames // 2)) is None
    assert explain("ab" * frames) == Infeasible(
        reason="too_long", detail=f"{2 * frames} frames needed, {frames} there"
    )
    assert explain("aa" * (frames // 2)).reason == "too_long"  # blanks between them
    assert explain("a☃") == Infeasible(
        reason="unknown", detail="it comes back as 'a<unk>'"
    )
    assert victim.num_frames(100) == 0


def test_a_cleaner_that_changes_a_target_is_no_lack_of_audio(tmp_path):
    tokens = ["<blank>", "<unk>", *"BEIMRST", "<space>", "<sos/eos>"]
    victim = load_victim(pack_tiny(tmp_path, cleaner="tacotron", token_list=tokens))
    assert victim.write_text("mr. B") == "MISTER B"
    assert explain_infeasible(victim, 6000, "mr. B") == Infeasible(
        reason="rewritten", detail="it comes back as 'MISTER B'"
    )


def test_what_sentencepiece_normalises_or_does_not_know_has_its_reason(tmp_path):
    prefix = tmp_path / "pieces"
    (tmp_path / "text").write_text("wait for me ...\nwe were there\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "text"), model_prefix=str(prefix), vocab_size=20
    )
    model = sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model")
    pieces = [model.id_to_piece(n) for n in range(3, model.vocab_size())]
    victim = load_victim(
        pack_tiny(
            tmp_path,
            token_type="bpe",
            bpemodel=f"{prefix}.model",
            token_list=["<blank>", "<unk>", *pieces, "<sos/eos>"],
        )
    )
    assert explain_infeasible(victim, 48000, "we were there") is None
    changed = explain_infeasible(victim, 48000, "wait …")
    assert changed.reason == "rewritten" and "'wait ...'" in changed.detail
    unknown = explain_infeasible(victim, 48000, "we zap")
    assert unknown.reason == "unknown" and "<unk>" in unknown.detail


def test_a_stock_espnet_package_is_attacked_just_as_well(tmp_path):
    """Packed by ESPnet's own packer from a plain model, attacked by the command."""
    data = write_data_dir(tmp_path / "data", num_utts=3)
    asr_mtl_attack.main(
        [
            *("--model_zip", str(pack_stock(tmp_path / "exp"))),
            *("--data_dir", str(data), "--output_dir", str(tmp_path / "out")),
            *("--attack_args", "steps=2"),
        ]
    )
    lines = (tmp_path / "out" / "records.jsonl").read_text().splitlines()
    assert len(lines) == 3 * 3  # clean, noise, PGD


def test_the_command_in_jobs_gives_what_it_gives_at_once(hybrid_zip, tmp_path):
    data = write_data_dir(tmp_path / "data", num_utts=4)
    options = ["--model_zip", str(hybrid_zip), "--data_dir", str(data)]
    options += ["--attack_args", "steps=2 batch_bins=9000"]
    once, jobs = tmp_path / "once", tmp_path / "jobs"
    asr_mtl_attack.main([*options, "--output_dir", str(once)])
    options += ["--output_dir", str(jobs), "--nj", "2"]
    asr_mtl_attack.main([*options, "--job", "2"])
    with pytest.raises(UserError, match="not attacked yet"):
        asr_mtl_attack.main([*options, "--merge"])
    asr_mtl_attack.main([*options, "--job", "1"])
    asr_mtl_attack.main([*options, "--merge"])
    one, two = (hash_audio(out) for out in (once, jobs))
    assert one == two and len(one) == 4 * 3
    assert (once / "records.jsonl").read_bytes() == (
        jobs / "records.jsonl"
    ).read_bytes()


def hash_audio(out):
    return {
        path.relative_to(out): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in out.rglob("*.wav")
    }


@pytest.mark.parametrize("encoder", ["rnn", "vgg_rnn"])
def test_a_recurrent_model_takes_perturbations_of_others(tmp_path, encoder, speech):
    """Those come from a batch that is not sorted by length."""
    conf = dict.fromkeys(make_settings()["encoder_conf"])
    conf.update(num_layers=1, hidden_size=8, output_size=8)
    victim = load_victim(pack_tiny(tmp_path, encoder=encoder, encoder_conf=conf))

    def problem(rows):
        clean, lengths = speech[0][rows], speech[1][rows]
        texts = [TARGETS[row] for row in rows]
        loss = WeightedLoss(victim, victim.weights, lengths, texts, rows)
        ball = make_ball("linf", 0.05, clean, lengths)
        return Problem(loss, ball, None, rows, victim.rate)

    donor = problem([1, 2, 0])
    attacked = Shuffled(steps=3)(replace(problem([0, 1, 2]), donor=lambda: donor))
    assert attacked.delta.abs().amax(dim=1).min() > 0.01
    own = PGD(steps=3)(problem([1]))
    torch.testing.assert_close(PGD(steps=3)(donor).loss_end[:1], own.loss_end)


def test_a_decoder_that_says_the_language_first_is_attacked_as_it_was_trained(tmp_path):
    """Its loss is again that of ESPnet's own forward."""
    victim = load_victim(
        pack_tiny(tmp_path, model_conf={"ctc_weight": 0.3, "lang_token_id": 4})
    )
    speech, lengths = make_batch()["speech"][:1], torch.tensor([6000])
    ours = victim.losses(speech, lengths, [[2, 5, 3]], [0], ("ctc", "att"))
    _, stats, _ = victim._model(
        speech=speech,
        speech_lengths=lengths,
        text=torch.tensor([[2, 5, 3]]),
        text_lengths=torch.tensor([3]),
        accent=torch.tensor([[0]]),
    )
    for name in ours:
        torch.testing.assert_close(
            ours[name], stats[f"loss_{name}"].reshape(1), rtol=1e-4, atol=1e-5
        )


def test_a_decoder_trained_on_its_own_guesses_is_attacked_without_them(tmp_path):
    decoder_conf = dict.fromkeys(make_settings()["decoder_conf"])
    decoder_conf.update(hidden_size=8, sampling_probability=0.9)
    victim = load_victim(pack_tiny(tmp_path, decoder="rnn", decoder_conf=decoder_conf))
    speech, lengths = make_batch()["speech"], make_batch()["speech_lengths"]
    first, *others = (all_losses(victim, speech, lengths)["att"] for _ in range(5))
    assert all(torch.equal(first, other) for other in others)
