"""The gate of what decoder and attack weigh."""

from dataclasses import replace

import pytest
from audited import found, how_of, means_of
from exp_factory import audit_dir, change_rows, make_decoder

from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS
from espnet_mtl.results.attack import ATTACK_NAME, read_attack_run
from espnet_mtl.results.files import write_result


@pytest.mark.parametrize(
    ("decoded", "attacked", "verdict", "figure"),
    [
        (0.3, {"ctc": 0.3, "att": 0.7}, PASS, "0.7 att+0.3 ctc, 0.7 att+0.3 ctc"),
        (0.3, {"ctc": 0.5, "att": 0.5}, PASS, "0.7 att+0.3 ctc, 0.5 att+0.5 ctc"),
        (0.9, {"ctc": 0.3, "att": 0.7}, FAIL, "0.1 att+0.9 ctc, 0.7 att+0.3 ctc"),
        (0.0, {"ctc": 0.3, "att": 0.7}, FAIL, "att, 0.7 att+0.3 ctc"),
        (1.0, {"ctc": 0.3, "att": 0.7}, FAIL, "ctc, 0.7 att+0.3 ctc"),
        (0.0, {"ctc": 0.1, "att": 0.9}, PASS, "att, 0.9 att+0.1 ctc"),
        (0.0, {"ctc": 0.1, "att": 0.8, "accent": 0.1}, FAIL, "att, 0.89 att+0.11 ctc"),
        (0.0, {"ctc": 1.0}, FAIL, "att, ctc"),
        (0.3, {"att": 1.0}, FAIL, "0.7 att+0.3 ctc, att"),
        (0.3, {"ctc": 0.3, "accent": 0.3}, FAIL, "0.7 att+0.3 ctc, ctc"),
        (1.0, {"ctc": 0.7, "accent": 0.3}, PASS, "ctc, ctc"),
    ],
)
def test_attacked_loss_and_decoder(suite, decoded, attacked, verdict, figure):
    heard = {"ctc": decoded, "att": 1 - decoded}
    decoder = make_decoder([name for name, weight in heard.items() if weight])
    run = read_attack_run(audit_dir(suite))
    run = replace(run, decoder=replace(decoder, ctc_weight=decoded))
    write_result(audit_dir(suite) / ATTACK_NAME, run)

    def weigh(row):
        return {"members": tuple(replace(m, weights=attacked) for m in row.members)}

    change_rows(suite, weigh, "standard")
    first, second = figure.split(", ")
    assert found("loss", suite) == (verdict, f"decodes {first}, attacked {second}")


def test_the_best_attacker_matches_the_decoder(suite):
    """Who follows another loss does no harm beside the one who follows this one."""

    def weigh(row):
        first, *rest = row.members
        return {"members": (replace(first, weights={"ctc": 1.0}), *rest)}

    change_rows(suite, weigh, "standard")
    assert found("loss", suite)[0] == PASS


def test_a_single_step_on_the_right_loss_does_not_count(suite):
    """Many on another loss are what was attacked."""

    def weigh(steps):
        def change(row):
            first, *rest = row.members
            other = [replace(one, weights={"ctc": 1.0}) for one in rest]
            return {"members": (replace(first, settings=steps), *other)}

        change_rows(suite, change, "standard")
        return found("loss", suite)

    for steps in ({"steps": 10}, {"steps": [4, 6]}, {"first_steps": 10}):
        assert weigh(steps)[0] == PASS
    for steps in ({"steps": 9}, {"steps": [4, 5]}, {}):
        assert weigh(steps) == (FAIL, "decodes 0.7 att+0.3 ctc, attacked ctc")


def test_attacks_of_hardly_any_steps_are_not_judged(suite):
    def hurry(row):
        few = {"settings": {"steps": 1}}
        return {"members": tuple(replace(one, **few) for one in row.members)}

    change_rows(suite, hurry, "standard")
    figure = "no attack of 10 steps on CTC or attention at 0.001"
    assert found("loss", suite) == (NOT_RUN, figure)
    assert "at least 10 `steps`" in how_of("loss", suite)


def test_no_decoder_and_a_language_model(suite):
    def loss_with(decoder):
        run = replace(read_attack_run(audit_dir(suite)), decoder=decoder)
        write_result(audit_dir(suite) / ATTACK_NAME, run)
        return found("loss", suite)

    branches = ("ctc", "att")
    verdict, figure = loss_with(make_decoder(branches, lm_weight=0.3))
    assert verdict == FAIL and figure.endswith("+0.5 ctc; LM 0.3 not attacked")
    assert "--lm_weight 0" in means_of("loss", suite)
    verdict, figure = loss_with(make_decoder(branches, ngram_weight=0.2))
    assert verdict == FAIL and figure.endswith("; n-gram 0.2 not attacked")
    assert loss_with(None) == (
        NOT_RUN,
        "no attack asked the decoder, so its weights are unknown",
    )
    # Then nobody knows which branches have to have gradients either.
    verdict, figure = found("gradients", suite)
    assert verdict == NOT_RUN and "which branches the decoder listens to" in figure
