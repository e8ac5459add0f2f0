"""Formulas on one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.text.formulas import KNOWN, LONGEST, plain_formula


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        ("E = mc^2", "E = m c²"),
        (r"\frac{a+b}{2} \leq x^{2}", "(a + b)⁄2 ≤ x²"),
        (r"\sqrt{x^2 + y^2} \neq \sqrt[3]{8}", "√(x² + y²) ≠ ∛8"),
        (r"x_1 + x_{12}", "x 1 + x 12"),
        (r"90^\circ", "90°"),
        (r"\text{speed} = \frac{\text{distance}}{\text{time}}", "speed = distance⁄time"),
        ("speed = 5", "speed = 5"),
        (r"\left( a - b \right)^2", "(a − b)²"),
        (r"2^{n-1} \times 3", "2^(n − 1) × 3"),
        (r"\alpha \approx \Delta \varepsilon", "alpha ≈ delta epsilon"),
        (r"\boxed{42}", "42"),
        (r"e^{i\pi} + 1 = 0", "e^(i pi) + 1 = 0"),
        (r"10\% \to 20\%", "10 % → 20 %"),
        ("", ""),
    ],
)
def test_simple_ones(latex, plain):
    assert plain_formula(latex) == plain


@pytest.mark.parametrize(
    "latex",
    [
        r"\sum_{i=1}^n i", r"\begin{pmatrix}1\end{pmatrix}", "a^", r"\frac{a}", r"\sqrt[5]{x}", "|x|", "a & b", "f'(x)",
        r"\unknown", "{a", "a}", r"\text x", "{" * 5_000, "x + " * (LONGEST // 3),
    ],
)  # fmt: skip
def test_others_are_not_read(latex):
    assert plain_formula(latex) is None


@given(st.text(alphabet=r"\{}^_ab12+-frcsqt[]", max_size=40))
def test_it_never_fails(latex):
    plain = plain_formula(latex)
    assert plain is None or "\\" not in plain


def test_commands_are_known_outside_formulas_too():
    assert KNOWN.search(r"is \frac{1}{2} of")
    assert not KNOWN.search(r"C:\times or C:\a\to or \users")
