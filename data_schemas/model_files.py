"""Names of what steps leave beside a model or a run for one another, and of the properties of a champion."""

ASSETS = "assets.extra"
"""Folder of a SavedModel that TensorFlow Serving leaves alone."""
DESCRIPTION_FILE = "description.json"
"""In `ASSETS`: the `ModelDescription` that `describe` answers."""
TASK_FILE = "task.yaml"
"""In `ASSETS`: the task, for people."""
TRAINING_PATIENTS_FILE = "training_patients.json"
"""In `ASSETS`: pseudonyms of every patient that anything was fitted or chosen on, and the id of their key."""

EVAL_SCORES_FILE = "eval_scores.json"
"""In the Trainer's `model_run`: `example_ids` and their `scores`, as the Trainer computed them in process."""
HISTORY_FILE = "history.json"
"""In the Trainer's `model_run`: one object an epoch."""

USABLE, REASON, VERSION = "usable", "reason", "version"
"""Custom properties of the Champion's model: whether it may be compared with (1 or 0), why not, and which it is."""
NO_CHAMPION = "no champion: nothing is served yet"
"""The reason where there is nothing to compare with."""

ALREADY_SERVED = "already_served"
"""Custom property of the Pusher's output: 1 when the model was what is served already, so that nothing new was made."""
