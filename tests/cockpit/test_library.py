from hashlib import sha256

import pytest

from cockpit import library


def test_the_wheel_carries_the_chart_library_we_know():
    assert sha256(library.chart_library().read_bytes()).hexdigest() == library.SHA256
    assert f"v{library.VERSION}".encode() in library.chart_library().read_bytes()[:300]


def test_another_library_is_refused_with_its_place(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(library, "SHA256", "0" * 64)
    with pytest.raises(library.LibraryError, match=r"expected lightweight-charts .* was c0992580867c in .*\.js"):
        library.chart_library.__wrapped__()
