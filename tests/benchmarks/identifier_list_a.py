"""Columns as clinics' files have them, written by hand before looking at the rules of the scan.

Sixty hold what tells who somebody is, sixty do not. No person is behind any of it. Once a rule was
changed because of this list, its figure says what was mended, and the next list what that is worth.
"""

from __future__ import annotations

import numpy as np
from identifier_lists import N, cycle, days, digits, numbers, pick

PLANTED: dict[str, list[object]] = {
    # names
    "Nachname": cycle("Brandstetter; Kowalczyk; Öztürk; Lindqvist; Hohenwarter; Nguyen; Faßke"),
    "pat_name": cycle("brandt, ulrike; kessler, joachim; yilmaz, ayse; thoma, bernd; ruoff, ines"),
    "Rufname": cycle("Ulli; Jochen; Ayse; Bernd; Ines; Steffi; Konstantin; Mareike"),
    "Behandler": cycle("Dr. Sauerwein; Fr. Holzapfel; Hr. Dipl.-Psych. Nagel; Dr. med. Ott"),
    "respondent": cycle("mrs garside; mr okonkwo; ms farrell; mr pritchard; mrs devlin"),
    "who": cycle("gemma hartley; owen price; shanice brown; tomasz wojcik; hannah cole"),
    "surname": cycle("HARTLEY; PRICE; BROWN; WOJCIK; COLE; MACINTYRE; O'DOWD; ADEYEMI"),
    "achternaam": cycle("van der Velde; de Groot; Bakker; Hoekstra; Yildirim; Postma; Smeets"),
    "cliënt": cycle("sanne bakker; joost de groot; fatima el idrissi; pieter hoekstra"),
    "NOM": cycle("LEFEBVRE; GAUTHIER; BENALI; ROUSSEL; MARCHAND; DIALLO; PETITJEAN"),
    "prénom": cycle("Amélie; Thibault; Yasmine; Corentin; Océane; Mamadou; Solène"),
    "apellidos": cycle("Ortega Ruiz; Navarro Gil; Castaño Vega; Iglesias Soto; Prieto Moya"),
    "Contact": cycle("ask for Mrs Doyle; call brother Ian; wife: Teresa; none; sister (Karen)"),
    "datei": cycle("Brandt_Ulrike_2023.pdf; Kessler_Joachim_2022.pdf; Yilmaz_Ayse_2023.pdf"),
    "x7": cycle("ulrike; jochen; ayse; bernd; ines; stefanie; konstantin; mareike"),
    "V12": cycle("Hartley G.; Price O.; Brown S.; Wojcik T.; Cole H.; Adeyemi F."),
    "Notfallkontakt": cycle("Mutter; Ehemann Peter Brandt; Schwester Anja; -; Vater", ";"),
    "Hausarzt": cycle("Dr. Wiesner, Ulm; Praxis Dr. Abel; Dr. Söhnlein; MVZ Dr. Kruse"),
    # days and years of birth
    "geb": days(1, "%d.%m.%y"),
    "Geburtsjahr": [int(y) for y in days(2, "%Y")],
    "jg": [int(y) for y in days(3, "%y")],
    "DOB": days(4, "%m/%d/%Y"),
    "geboortedatum": days(5, "%d-%m-%Y"),
    "né(e) le": days(6, "%d/%m/%Y"),
    "fecha_nac": days(7, "%Y-%m-%d"),
    "col_9": days(8, "%d %B %Y"),
    "var3": [int(d) for d in days(9, "%Y%m%d")],
    "geboortejaar": [float(y) for y in days(10, "%Y")],
    # phone
    "Tel. privat": digits(11, "0%##/%#####"),
    "handy": numbers(12, "49151%#######"),
    "mobile": numbers(13, "7%########"),
    "telefoon": digits(14, "06-%#######"),
    "portable": digits(15, "06 ## ## ## ##"),
    "movil": numbers(16, "6########"),
    "q14": digits(17, "+44 7### ######"),
    "erreichbar unter": digits(18, "0160 %######"),
    # official numbers
    "KVNR": digits(19, "?%########"),
    "Steuer-ID": numbers(20, "%##########"),
    "BSN": numbers(21, "%########"),
    "nhs_no": digits(22, "%## ### ####"),
    "DNI": digits(23, "%#######?"),
    "n° sécu": digits(24, "1 %# 0% 75 ### ### ##"),
    "MRN": numbers(25, "%######"),
    "Fallnummer KIS": numbers(26, "3%######"),
    "iban": digits(27, "DE## #### #### #### #### ##"),
    "konto": digits(28, "NL##INGB0#########"),
    "passport": digits(29, "?%#######"),
    "Kennzeichen": digits(30, "UL-?? %##"),
    # address
    "Strasse": cycle("Lindenweg 4; Am Hang 12a; Karl-Marx-Allee 101; Hauptstr. 7; Mühlgasse 3"),
    "Wohnort": cycle("Ehingen; Laupheim; Neu-Ulm; Blaubeuren; Langenau; Erbach; Dornstadt"),
    "PLZ": numbers(31, "89%##"),
    "adres": cycle("Kerkstraat 14; Singel 201-II; Dorpsweg 8; Laan van Meerdervoort 77"),
    "postal code": cycle("LS6 3AB; BD1 2QX; M14 5RT; HX1 5JR; WF10 4PA; S11 8YA"),
    "domicilio": cycle("C/ Mayor 12, 3º B; Avda. de la Paz 4; Plaza España 2; C/ Olmo 31"),
    "field_4": cycle("12 rue des Lilas; 3 bis avenue Foch; 48 bd Voltaire; 7 impasse du Puits"),
    # online
    "courriel": cycle("a.lefebvre@exemple.fr; th.gauthier@exemple.fr; ybenali@exemple.fr"),
    "insta": cycle("ulli_brandt; joke.ssler; ayse.y.93; bernd_thoma_ulm; inesruoff"),
    "client ip": digits(32, "84.1##.%#.1##"),
    # text
    "Bemerkung": [
        "Kam heute mit ihrer Tochter Lena, die auf der Station in Ulm arbeitet und morgen abreist."
        if i == 7 else None for i in range(N)
    ],
    "opmerkingen": cycle(
        "belt terug na vakantie; partner van cliënt is bekend bij collega in Zwolle; geen; "
        "wil niet dat moeder weet dat ze hier komt; reist met de trein uit Assen; n.v.t."
    ),
}  # fmt: skip


def _innocent() -> dict[str, list[object]]:
    rng = np.random.default_rng(99)
    whole = {
        name: list(rng.integers(low, high, N))
        for name, low, high in [
            ("PHQ9_03", 0, 4), ("gaf", 30, 90), ("Alter", 18, 75), ("T-Wert", 30, 80),
            ("Sitzungsnr", 1, 60), ("dauer_monate", 1, 240), ("n_calls", 0, 7),
            ("email_reminders", 0, 4), ("Kontingent", 12, 81), ("rt_ms", 350, 90_000),
            ("jahr_erstbehandlung", 2003, 2024), ("onset_year", 1982, 2021),
            ("leeftijd_begin", 8, 60), ("nb_enfants", 0, 5), ("Anzahl Geschwister", 0, 6),
        ]
    }  # fmt: skip
    return whole | {
        "Chiffre": [f"{a}{b:02d}" for a, b in zip("KMTRLSWB" * 3, range(11, 11 + N), strict=True)],
        "pseudonym": digits(40, "??%##"),
        "barcode": list(range(40_012_300, 40_012_300 + N)),
        "guid": digits(41, "%a#f%e#c-4#d#-b#%#-%########c#f"),
        "seed": [int(one) for one in rng.integers(1, 2**31 - 1, N) % 10**7],
        "Aufnahme": days(42, "%d.%m.%Y", "2021-03-01", 900),
        "datum_sessie": days(43, "%d-%m-%Y", "2022-01-03", 500),
        "date_entretien": days(44, "%d/%m/%y", "2022-01-03", 500),
        "fecha": [int(d) for d in days(45, "%Y%m%d", "2020-01-03", 1200)],
        "started_at": days(46, "%Y-%m-%dT%H:%M:%S", "2023-01-03", 300),
        "week": days(47, "%G-W%V", "2023-01-03", 300),
        "unix": [int(one) for one in rng.integers(1_640_000_000, 1_700_000_000, N)],
        "ICD": pick(1, "F33.1", "F41.0", "F43.1", "F60.31", "Z63.0"),
        "Hauptdiagnose": pick(2, "Rezidivierende depressive Störung", "Panikstörung", "PTBS"),
        "OPS": pick(3, "9-607", "9-626", "9-649.10"),
        "Medikament": pick(4, "Sertralin 50 mg", "Mirtazapin 15 mg", "Escitalopram", "keine"),
        "medicatie": pick(5, "sertraline", "quetiapine", "geen", "venlafaxine"),
        "Station": pick(6, "Station 4B", "Haus Linde", "Tagesklinik", "Ambulanz"),
        "ward": pick(7, "Oak", "Maple", "Elm", "Willow"),
        "Kassenart": pick(8, "GKV", "PKV", "Beihilfe", "Selbstzahler"),
        "Bundesland": pick(9, "Bayern", "Baden-Württemberg", "Hessen", "Sachsen"),
        "Staatsangehörigkeit": pick(10, "deutsch", "türkisch", "polnisch", "syrisch"),
        "referral": pick(11, "GP", "self", "A&E", "school", "Occupational Health"),
        "Zuweiser": pick(12, "Hausarzt", "Selbstmelder", "Klinik", "Psychiater"),
        "Zeitpunkt": pick(13, "prä", "Sitzung 5", "post", "Kat 6M"),
        "setting": pick(14, "Einzel", "Gruppe", "Paar", "Online"),
        "opleiding": pick(15, "mbo", "hbo", "wo", "vmbo"),
        "situation_familiale": pick(16, "célibataire", "marié(e)", "divorcé(e)", "veuf"),
        "motivo": pick(17, "alta", "abandono", "traslado", "fin de contrato"),
        "estado": pick(18, "activo", "cerrado", "en espera"),
        "phone_type": pick(19, "iPhone", "Android", "Samsung", "none"),
        "app_version": pick(20, "3.12.0", "3.12.1", "4.0.2"),
        "module": pick(21, "Behavioural Activation", "Exposure", "Grief", "Chair Work"),
        "rater": pick(22, "rater1", "rater2", "consensus"),
        "tel_sitzung": pick(23, "ja", "nein"),
        "Name bekannt": pick(24, "ja", "nein", "unbekannt"),
        "adressat": pick(25, "Patient", "Therapeut", "Angehörige"),
        "fragebogen": pick(26, "WAI-SR", "BDI-II", "OQ-45.2", "SASB"),
        "reason_text": pick(27, "moved away", "no improvement", "finished as planned"),
        "bp": [f"{a}/{b}" for a, b in zip(rng.integers(105, 150, N), rng.integers(65, 95, N),
                                          strict=True)],
        "BMI": [float(one) for one in rng.normal(25, 4, N).round(1)],
        "Kosten": [f"{one:.2f} €" for one in rng.normal(100, 9, N)],
        "alter_gruppe": pick(28, "18-24", "25-34", "35-44", "65+"),
        "tag": pick(29, "Mo", "Di", "Mi", "Do", "Fr"),
        "room": pick(30, "R 1.14", "R 2.03", "Z 12"),
    }  # fmt: skip


INNOCENT = _innocent()
