"""Models side by side: the numbers, the words around them, and both file formats."""

import numpy as np
import pandas as pd
import pytest
from docx import Document

import alliance_stats as al


@pytest.fixture(scope="module")
def fits():
    rng = np.random.default_rng(1)
    client = np.repeat(np.arange(60), 8)
    data = pd.DataFrame({"client_id": client, "session": np.tile(np.arange(1.0, 9.0), 60)})
    x = rng.normal(size=480)
    slope = -1 + 0.8 * rng.normal(size=60)
    level = 20 + 3 * rng.normal(size=60)
    data["x"] = x
    data["distress"] = level[client] + slope[client] * x + rng.normal(0, 2, 480)
    null = al.fit_multilevel("distress ~ 1 + (1 | client_id)", data, reml=False)
    full = al.fit_multilevel("distress ~ x + (1 + x | client_id)", data, reml=False)
    return null, full


def test_frame_holds_full_precision(fits):
    frame = al.model_table(fits, names=["null", "x"]).to_frame().set_index("term")
    assert frame.loc["x", "x: estimate"] == fits[1].params["x"]
    assert np.isnan(frame.loc["x", "null: estimate"])
    assert frame.loc["AIC", "null: estimate"] == fits[0].aic
    assert frame.loc["Conditional R²", "x: estimate"] == fits[1].r_squared().conditional
    sd = fits[1].varcomp["sdcor"].iloc[0]
    assert frame.loc["SD Intercept (client_id)", "x: estimate"] == sd
    assert list(dict.fromkeys(frame["part"])) == ["Fixed effects", "Random effects", "Model"]
    assert "Correlation Intercept, x (client_id)" in frame.index


def test_text_is_apa(fits):
    table = al.model_table(fits, names=["null", "x"])
    lines = {line.split("  ")[0].strip(): line for line in str(table).splitlines()}
    text = str(table)
    assert "< .001" in text
    assert "−" in text
    cor = fits[1].varcomp["sdcor"].iloc[2]
    shown = f"{abs(cor):.2f}".lstrip("0")
    assert any(shown in line for line in lines.values() if "correlation" in line)
    assert f"{fits[1].nobs}" in text
    assert "Maximum likelihood; Satterthwaite's degrees of freedom." in text


def test_html_escapes_names_and_writes_a_page(fits, tmp_path):
    table = al.model_table(fits, names=["<b>", "x"], title="A & B")
    markup = table.to_html(tmp_path / "models.html")
    assert "&lt;b&gt;" in markup
    assert "<b>" not in markup
    assert "A &amp; B" in markup
    page = (tmp_path / "models.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert markup in page
    shown = table._repr_html_()
    assert "alliance-result" in shown
    assert "A &amp; B" in shown
    assert "<b>" not in shown


def test_word_holds_every_row(fits, tmp_path):
    table = al.model_table(fits)
    table.to_word(tmp_path / "models.docx", number=3)
    assert r"\toprule" in table.to_latex()
    document = Document(str(tmp_path / "models.docx"))
    cells = [row.cells[0].text.strip() for row in document.tables[0].rows]
    raw = set(table.to_frame().query("part == 'Model'")["term"])
    assert {"Intercept", "x"} <= set(cells)
    assert raw <= set(cells)
    assert {"Client: SD of intercept", "Client: correlation of intercept and x"} <= set(cells)
    assert not any("client_id" in cell for cell in cells)
    assert any("Table 3" in paragraph.text for paragraph in document.paragraphs)


def test_robust_tests_stand_beside_the_model(fits):
    table = al.model_table([fits[1], fits[1].robust()], names=["model", "CR2"])
    frame = table.to_frame().set_index("term")
    assert frame.loc["x", "CR2: std_error"] == fits[1].robust().bse["x"]
    assert frame.loc["Clusters", "CR2: estimate"] == 60
    assert "cluster-robust (CR2) tests by client_id" in table.table.note


def test_autocorrelation_has_a_row(fits):
    data = fits[0].design.frame
    ar1 = al.fit_multilevel("distress ~ x + (1 | client_id)", data, residual="ar1", time="session")
    frame = al.model_table([ar1]).to_frame().set_index("term")
    assert frame.loc["AR(1) correlation (Residual)", "Model 1: estimate"] == ar1.phi


def test_refusals(fits):
    with pytest.raises(al.DesignError, match="at least one fitted model"):
        al.model_table([])
    with pytest.raises(al.DesignError, match="2 models but 1 names"):
        al.model_table(fits, names=["a"])
    with pytest.raises(al.DesignError, match="Two models are called a"):
        al.model_table(fits, names=["a", "a"])
