"""Reads the experiments of a folder; what is wrong is told with file, line, field and what was required."""

from __future__ import annotations

from pathlib import Path

from connectors.contracts import yaml_files
from connectors.contracts.experiments import Experiment, Experiments, Holdout, clashes
from connectors.errors import BadInput

NONE = Experiments()


def load(folder: str | Path) -> Experiments:
    """The experiments of the folder's `*.yaml`; none for an empty name.

    Raises:
        BadInput: a file cannot be read or is wrong; the message names all that is.
    """
    if not folder:
        return NONE
    paths = sorted(Path(folder).glob("*.yaml"))
    if not paths:
        raise BadInput(f"{folder}: no experiments (*.yaml) in this folder", "name another: experiments_dir")
    files, wrong = [], []
    for path in paths:
        try:
            document = yaml_files.read(path, "holdout and experiments")
            files.append((path, document, yaml_files.validated(path, document, Experiments)))
        except BadInput as error:
            wrong.append(error.message)
    origins = [
        (path, document, index) for path, document, file in files for index in range(len(file.experiments))
    ]
    experiments: list[Experiment] = [one for _, _, file in files for one in file.experiments]
    for number, field, told in clashes(experiments):
        path, document, index = origins[number]
        wrong.append(yaml_files.line(path, document, ("experiments", index, field), told))
    holdouts: list[tuple[Path, Holdout]] = [
        (path, file.holdout) for path, _, file in files if file.holdout is not None
    ]
    if len(holdouts) > 1:
        wrong.append(f"{holdouts[1][0]}: holdout: {holdouts[0][0].name} has one; there is one for all")
    if wrong:
        raise BadInput("\n".join(wrong), "correct the lines that are named")
    return Experiments(holdout=holdouts[0][1] if holdouts else None, experiments=experiments)
