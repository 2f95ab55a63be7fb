"""What a configuration of robust training may say, and what is said of mistakes."""

import pytest
from robust_factory import make_model

from espnet_mtl.asr_mtl.robust.choices import make_robust, robust_choices
from espnet_mtl.asr_mtl.robust.model import RobustModel
from espnet_mtl.bin import asr_mtl_train
from espnet_mtl.errors import UserError


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({}, "norm: linf needs a radius above 0, of full scale 1, such as 0.004"),
        ({"norm": "l2"}, "norm: l2 needs a radius"),
        ({"norm": "snr"}, "norm: snr needs a radius above 0, in dB"),
        ({"norm": "l1", "radius": 0.1}, "norm: l1 is not known"),
        ({"radius": 0}, "needs a radius above 0"),
        ({"radius": None}, "radius: None is not a number"),
        ({"radius": -0.1}, "radius: -0.1 has to be above 0"),
        ({"radius": 1.5}, "radius: 1.5 is more than full scale"),
        ({"radius": "much"}, "radius: much is not a number"),
        ({"radius": True}, "radius: True is not a number"),
        ({"radius": float("nan")}, "radius: nan is not a number"),
        ({"norm": "snr", "radius": 0.004}, "0.004 dB is noise as loud as the speech"),
        ({"radius": 0.1, "radios": 1}, "no setting 'radios' of --robust pgd; choose"),
        ({"radius": 0.1, "radius_draw": "normal"}, "radius_draw: normal is not known"),
        ({"radius": 0.1, "ramp_updates": 0.5}, "ramp_updates: 0.5 is not a whole"),
        ({"radius": 0.1, "clean_share": 1.1}, "clean_share: 1.1 has to be from 0.0 to"),
        ({"radius": 0.1, "valid_steps": 0}, "valid_steps: 0 has to be 1 or more"),
        ({"radius": 0.1, "steps": 0}, "steps: 0 has to be 1 or more"),
        ({"radius": 0.1, "step_size": 0}, "step_size: 0 has to be from"),
        ({"radius": 0.1, "start": "clean"}, "start: clean is not known"),
        ({"radius": 0.1, "mode": "test"}, "mode: test is not known"),
        ({"radius": 0.1, "targeted": "yes"}, "targeted: yes is not known"),
        (
            {"radius": 0.1, "targeted": True, "losses": "all"},
            "leaves the accent branch",
        ),
        (
            {"radius": 0.1, "targeted": True, "losses": {"accent": 1}},
            "leaves the accent branch",
        ),
        ({"radius": 0.1, "losses": "asr"}, "losses: asr is not known"),
        ({"radius": 0.1, "losses": {}}, "losses: {} is not known"),
        ({"radius": 0.1, "losses": {"rnnt": 1}}, "there is no loss 'rnnt'"),
        ({"radius": 0.1, "losses": {"ctc": 0}}, "ctc: 0 is no weight above 0"),
    ],
)
def test_wrong_settings_are_refused(conf, said):
    with pytest.raises(UserError, match=said):
        make_robust("pgd", conf)


@pytest.mark.parametrize("name", ["pgd", "trades"])
@pytest.mark.parametrize("unseen", [{"valid_share": 0}, {"valid_steps": 2}])
def test_one_step_is_not_trained_on_where_nobody_would_see_it_fail(name, unseen):
    conf = {"radius": 0.1, "steps": 1, **unseen}
    with pytest.raises(UserError, match="valid_steps of at least 3; or train with"):
        make_robust(name, conf).check_validation()
    make_robust(name, conf | {"steps": 2}).check_validation()
    make_robust(name, {"radius": 0.1, "steps": 1, "valid_steps": 3}).check_validation()
    make_robust("noise", {"radius": 0.1, **unseen}).check_validation()


@pytest.mark.parametrize(
    ("name", "conf", "said"),
    [
        ("noise", {"kind": "pink"}, "kind: pink is not known"),
        ("noise", {"steps": 2}, "no setting 'steps' of --robust noise"),
        ("trades", {"beta": -1}, "beta: -1 has to be 0"),
        ("trades", {"start": "zero"}, "no setting 'start' of --robust trades"),
    ],
)
def test_each_way_has_settings_of_its_own(name, conf, said):
    with pytest.raises(UserError, match=said):
        make_robust(name, {"radius": 0.1, **conf})


@pytest.mark.parametrize("name", sorted(robust_choices.classes))
@pytest.mark.parametrize(
    ("norm", "radius"), [("linf", 1.0), ("linf", 1e-5), ("l2", 40.0), ("snr", 20)]
)
def test_what_makes_sense_is_taken(name, norm, radius):
    way = make_robust(name, {"norm": norm, "radius": radius})
    assert (way.norm, way.radius) == (norm, radius)


@pytest.mark.parametrize(
    ("losses", "settings", "said"),
    [
        ({"ctc": 1}, {"model_conf": {"ctc_weight": 0.0}}, "losses: ctc: the model has"),
        ({"att": 1}, {"model_conf": {"ctc_weight": 1.0}}, "losses: att: the model has"),
        ({"accent": 1}, {"accent_weight": 0.0}, "accent_weight above 0"),
    ],
)
def test_a_branch_that_the_model_does_not_have_is_refused(losses, settings, said):
    model = make_model(**settings)
    way = make_robust("pgd", {"radius": 0.1, "losses": losses})
    with pytest.raises(UserError, match=said):
        RobustModel(model, way)
    RobustModel(model, make_robust("pgd", {"radius": 0.1}))


def test_numbers_may_be_written_without_a_point():
    """YAML takes 4e-3 for a text."""
    conf = ("--robust_conf", "radius=4e-3", "--robust_conf", "losses.ctc=1e-1")
    args = parse("--robust", "pgd", *conf)
    way = make_robust(args.robust, args.robust_conf)
    assert (way.radius, way.losses) == (0.004, {"ctc": 0.1})


def test_features_cannot_be_attacked():
    model = make_model(frontend=None, input_size=16)
    with pytest.raises(UserError, match="takes features"):
        RobustModel(model, make_robust("pgd", {"radius": 0.1}))


def parse(*options):
    tokens = ("--token_list", "tokens.txt", "--output_dir", "exp")
    return asr_mtl_train.get_parser().parse_args([*tokens, *options])


def test_options_are_those_of_any_class_choice():
    conf = ("--robust_conf", "radius=0.004", "--robust_conf", "losses.ctc=2")
    args = parse("--robust", "pgd", *conf)
    way = make_robust(args.robust, args.robust_conf)
    assert (way.radius, way.losses) == (0.004, {"ctc": 2})
    assert parse().robust is None
    assert parse("--robust", "pgd", "--robust", "none").robust is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--collect_stats", "true"], "add --robust none to --collect_stats"),
        (["--use_deepspeed", "true"], "does not go with --use_deepspeed"),
        (["--robust_conf", "radius=2"], "radius: 2 is more than full scale"),
    ],
)
def test_options_that_do_not_go_together_are_refused_at_once(options, said):
    command = ["--token_list", "tokens.txt", "--output_dir", "exp"]
    robust = ["--robust", "pgd", "--robust_conf", "radius=0.1"]
    with pytest.raises(UserError, match=said):
        asr_mtl_train.main([*command, *robust, *options])
