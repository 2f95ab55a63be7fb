"""What trainings have cost."""

import pytest
import torch
import yaml
from exp_factory import add_log
from robust_factory import FIRST, make_model, make_named_batch

from espnet_mtl.asr_mtl.robust.choices import make_robust
from espnet_mtl.errors import UserError
from espnet_mtl.report.document import to_markdown
from espnet_mtl.report.effort import effort_blocks, read_effort, read_efforts
from espnet_mtl.report.experiment import read_experiments


def make(folder, name, batches=40, **settings):
    exp = folder / name
    exp.mkdir()
    (exp / "config.yaml").write_text(yaml.safe_dump(settings))
    add_log(exp, epochs=2)
    log = exp / "train.log"
    log.write_text(log.read_text().replace("total_count=100,", "total_count=20,", 1))
    log.write_text(
        log.read_text().replace("total_count=100,", f"total_count={batches},")
    )
    return exp


@pytest.mark.parametrize(
    ("robust", "conf"),
    [
        (None, {}),
        ("noise", {}),
        ("pgd", {}),
        ("pgd", {"steps": 1}),
        ("pgd", {"steps": 4, "clean_share": 0.5}),
        ("trades", {}),
        ("trades", {"steps": 3}),
    ],
)
def test_gradient_passes_are_those_that_a_batch_takes(tmp_path, robust, conf):
    """Counted in a training step: passes that remember what a gradient needs."""
    model, passes = make_model().train(), 0

    def count(*_):
        nonlocal passes
        passes += torch.is_grad_enabled()

    model.register_forward_pre_hook(count)
    batch = make_named_batch()
    if robust is None:
        batch.pop("utt_id")
        model(**batch)
    else:
        make_robust(robust, {"radius": 0.01, **conf})(model, batch, FIRST)
    exp = make(tmp_path, "exp", robust=robust, robust_conf=conf)
    assert read_effort(exp).passes == 40 * passes


def test_what_a_start_has_cost_is_added(tmp_path):
    start = make(tmp_path, "start", batches=100, accum_grad=2)
    packed = f"{start}/start.zip:encoder:encoder"
    pgd = {"robust": "pgd", "robust_conf": {"steps": 3, "radius": 0.01}}
    middle = make(tmp_path, "asr_mtl_middle", init_param=[packed], **pgd)
    last = make(tmp_path, "last", init_param=[str(middle / "valid.acc.ave.pth")])
    assert read_effort(start).updates == 50
    effort = read_effort(middle)
    assert (effort.way, effort.start) == ("pgd, 3 steps, L-inf bound 0.01", "start")
    assert (effort.updates, effort.passes, effort.whole) == (40, 160, 260)
    assert (read_effort(last).start, read_effort(last).whole) == ("middle", 300)


def test_batches_left_over_at_the_end_of_an_epoch_change_nothing(tmp_path):
    # Epochs of 20 batches: 6 updates each, and 2 batches left over
    exp = make(tmp_path, "exp", accum_grad=3)
    assert (read_effort(exp).updates, read_effort(exp).passes) == (12, 40)


def test_what_is_not_known_is_not_guessed(tmp_path):
    away = make(tmp_path, "exp", init_param=["elsewhere/model.zip"])
    assert (read_effort(away).passes, read_effort(away).whole) == (40, None)
    other = make(tmp_path, "other", robust="of_tomorrow")
    assert (read_effort(other).updates, read_effort(other).passes) == (40, None)
    (away / "config.yaml").unlink()
    assert read_effort(away) is None
    (other / "config.yaml").write_text("a: [")
    with pytest.raises(UserError, match="no YAML"):
        read_effort(other)


def test_the_table_and_a_warning_of_unequal_comparisons(tmp_path):
    exps = [
        make(tmp_path, "plain"),
        make(tmp_path, "noise", robust="noise"),
        make(tmp_path, "longer", batches=60, robust="pgd", robust_conf={"steps": 1}),
    ]
    experiments = read_experiments(exps)
    efforts = read_efforts(experiments)
    pairs = [("noise", "plain"), ("longer", "plain"), ("longer", "gone")]
    text = to_markdown(effort_blocks(efforts, pairs))
    assert "| plain | plain | - | 40 | 40 | 40 |" in text
    assert "| longer | pgd, 1 step | - | 60 | 120 | 120 |" in text
    assert "updates: longer 60, plain 40." in text
    assert "Warning" not in to_markdown(effort_blocks(efforts, pairs[:1]))
    for exp in exps:
        (exp / "config.yaml").unlink()
    assert effort_blocks(read_efforts(experiments)) == []


def test_each_seed_has_its_row(tmp_path):
    exps = [make(tmp_path, name, seed=seed) for seed, name in enumerate("ab")]
    found = [read_effort(exp) for exp in exps]
    text = to_markdown(effort_blocks({"ctc": found}, [("ctc", "ctc")]))
    assert "| ctc, seed 0 | plain |" in text and "| ctc, seed 1 | plain |" in text
    assert "Warning" not in text
    more = make(tmp_path, "more", batches=60)
    text = to_markdown(
        effort_blocks({"ctc": found, "att": [read_effort(more)]}, [("att", "ctc")])
    )
    assert "updates: att 60, ctc 40." in text


@pytest.mark.parametrize(("many", "is_told"), [(0.3, False), (0.9, True)])
def test_a_model_that_overfitted_to_one_step_is_warned_of(tmp_path, many, is_told):
    exp = make(tmp_path, "exp", robust="pgd", robust_conf={"steps": 1})
    log = exp / "train.log"
    # In the last epoch; in the one before, it was so in any case.
    texts = log.read_text().split("\n")
    for line, value in ((-2, many), (-3, 0.9)):
        more = f"cer_ctc_adv={value}, cer_ctc_adv1=0.1, time=1.2 seconds"
        texts[line] = texts[line].replace("time=1.2 seconds", more)
    log.write_text("\n".join(texts))
    text = to_markdown(effort_blocks(read_efforts(read_experiments([exp]))))
    told = "Warning: exp: in the last epoch, cer_ctc is 0.100 under one step and 0.900"
    assert (told in text) == is_told
