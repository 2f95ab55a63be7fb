"""Audits of synthetic experiment directories, and changes of what they find."""

import shutil
from dataclasses import replace

from exp_factory import audit_dir, change_records

from espnet_mtl.report.audit.audits import GATES, make_audits
from espnet_mtl.report.experiment import read_experiments


def copy_of(exp, folder):
    copy = folder / exp.name
    shutil.copytree(exp, copy)
    path = audit_dir(copy) / "wav.scp"
    path.write_text(path.read_text().replace(str(exp), str(copy)))
    return copy


def audit_of(*exps):
    """Audit systems together; return that of the first."""
    [group] = make_audits(read_experiments(exps))
    return group.audits[0]


def found(gate, *exps):
    finding = audit_of(*exps).findings[gate]
    return finding.verdict, finding.figure


def means_of(gate, *exps):
    audit = audit_of(*exps)
    finding = audit.findings[gate]
    return next(one for one in GATES if one.name == gate).means(finding)


def how_of(gate, *exps):
    return audit_of(*exps).findings[gate].how


def first_few(change, count=1):
    """Change the first records alone."""
    return lambda record, number: change(record, number) if number < count else {}


def let_black_box(exp, cost, utterances):
    """Let the last attempt on some utterances at the smallest budget come so near."""

    def change(record, number):
        if number >= utterances:
            return {}
        last = replace(record.attempts[-1], cost=cost, success=cost == 0)
        return {"attempts": (*record.attempts[:-1], last)}

    change_records(exp, change)


def again(**changes):
    """Change what came of twice the steps, where they were made."""
    return lambda record, number: {
        "doubled": record.doubled and replace(record.doubled, **changes)
    }


broken_again = again(success=True, cost=0)
