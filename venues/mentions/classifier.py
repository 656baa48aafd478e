"""The tone of a text by a classifier in ONNX form.

A model has one input and an output with a number per class. The input is either

- `tensor(string)` of shape (N) or (N, 1): the text itself, for models that bring their own tokens, or
- `tensor(float)` of shape (N, B), B fixed: how often each word occurs, words hashed into B columns by `hashed_words`.

The output is `tensor(float)` of shape (N, C): a share per class, whose tones `mentions.classifier.tones` tells in the same order, or with
`logits` what becomes shares by softmax. The tone of a text is the mean of the classes' tones by their shares.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog

from contracts.errors import SettingsError
from contracts.settings.services import ClassifierSettings

EXTRA: Final = "install it with `pip install 'emberline[onnx]'`, or set mentions.scorer to lexicon"
FEWEST_COLUMNS: Final = 16
MOST_COLUMNS: Final = 1 << 20

log = structlog.get_logger()

_TOKENS = re.compile(r"[a-z0-9']+|[\u4e00-\u9fff]+")


def hashed_words(text: str, columns: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Count the words of a text by hash; (1, columns) float32.

    Words are runs of Latin letters, digits and apostrophes in lower case after NFKC; of Chinese, each character and each pair of
    neighbours. A word counts in column BLAKE2b-64(UTF-8, as a little-endian integer) modulo `columns`.

    >>> int(hashed_words("Moon, moon 上涨", 64).sum())
    5
    """
    words: list[str] = []
    for run in _TOKENS.findall(unicodedata.normalize("NFKC", text).lower()):
        if run[0] >= "\u4e00":
            words += list(run) + [run[n : n + 2] for n in range(len(run) - 1)]
        else:
            words.append(run)
    counts = np.zeros((1, columns), dtype=np.float32)
    for word in words:
        counts[0, int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") % columns] += 1.0
    return counts


class OnnxScorer:
    """Score texts with a classifier; see the module for what it must look like.

    `slow` tells the door to score in a thread. Raises SettingsError where onnxruntime is missing, the file is no model, or the model is
    not of that form.
    """

    slow = True

    def __init__(self, settings: ClassifierSettings) -> None:
        if not settings.file:
            raise SettingsError("mentions.classifier.file: expected the path of an .onnx file, was empty")
        if not Path(settings.file).is_file():
            raise SettingsError(f"mentions.classifier.file: {settings.file}: no such file")
        try:
            import onnxruntime
        except ImportError as e:
            raise SettingsError(f"mentions.scorer: onnx needs the package onnxruntime; {EXTRA}") from e
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._settings = settings
        self._tones = np.array(settings.tones)
        self.failures = 0
        try:  # onnxruntime's classes of errors are not public
            self._session: Any = onnxruntime.InferenceSession(
                settings.file, options, providers=["CPUExecutionProvider"]
            )
        except Exception as e:
            raise SettingsError(f"mentions.classifier.file: {settings.file}: no model that can run: {_line(e)}") from e
        self._input, self._shape, self._columns = self._look_at_input()
        self._output = self._look_at_output()
        try:
            self._tone("")
        except Exception as e:
            raise SettingsError(f"mentions.classifier.file: {settings.file}: {_line(e)}") from e

    def score(self, text: str) -> float | None:
        """The tone in -1..1; None where the model fails or gives no shares. Any thread may call."""
        try:
            return self._tone(text)
        except Exception as e:  # noqa: BLE001 - a text that breaks the model must not end ingest
            self.failures += 1
            if self.failures == 1:
                log.warning("classifier_failed", file=self._settings.file, error=_line(e))
            return None

    def _tone(self, text: str) -> float | None:
        if self._columns:
            fed: Any = hashed_words(text, self._columns)
        else:
            fed = np.array([text], dtype=object).reshape(self._shape)
        shares = np.asarray(self._session.run([self._output], {self._input: fed})[0], dtype=np.float64)
        if shares.size != len(self._tones):
            raise ValueError(f"expected an output of {len(self._tones)} classes, as mentions.classifier.tones has, was {shares.shape}")
        shares = shares.reshape(-1)
        if self._settings.logits:
            shares = np.exp(shares - shares.max())
        total = float(shares.sum())
        if not np.isfinite(shares).all() or shares.min() < 0.0 or total <= 0.0:
            return None
        return float(shares @ self._tones) / total

    def _look_at_input(self) -> tuple[str, tuple[int, ...], int]:
        """Its name, the shape of one text, and the columns of counted words, 0 for a text as it is."""
        inputs = self._session.get_inputs()
        told = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
        if len(inputs) == 1:
            only = inputs[0]
            rank = len(only.shape)
            if only.type == "tensor(string)" and (rank == 1 or (rank == 2 and only.shape[1] in (1, None))):
                return only.name, (1,) * rank, 0
            columns = only.shape[1] if only.type == "tensor(float)" and rank == 2 else None
            if isinstance(columns, int) and FEWEST_COLUMNS <= columns <= MOST_COLUMNS:
                return only.name, (1, columns), columns
        raise SettingsError(
            f"mentions.classifier.file: {self._settings.file}: expected one input, tensor(string) (N) or (N, 1), or tensor(float) (N, B) "
            f"with B in {FEWEST_COLUMNS}..{MOST_COLUMNS}, was {told}"
        )

    def _look_at_output(self) -> str:
        outputs = {one.name: one.type for one in self._session.get_outputs()}
        name = self._settings.output or list(outputs)[-1]
        if outputs.get(name) != "tensor(float)":
            told = ", ".join(f"{key} {kind}" for key, kind in outputs.items())
            raise SettingsError(
                f"mentions.classifier.output: {self._settings.file}: expected an output tensor(float) `{name}`, was {told}"
            )
        return name


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
