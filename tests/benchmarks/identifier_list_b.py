"""A second list, written after the rules were changed for the first and measured as it came.

Headers are such as hospital systems, survey software, laboratories and therapists' own sheets
export; every value is made up. See `identifier_list_a`.
"""

from __future__ import annotations

import numpy as np
from identifier_lists import N, cycle, days, digits, numbers, pick

PLANTED: dict[str, list[object]] = {
    # names
    "fname": cycle("Deirdre; Callum; Priya; Marek; Bronwen; Aoife; Tariq; Siobhan"),
    "lname": cycle("Gallagher; Whitcombe; Raman; Novak; Pritchett; Doherty; Aziz; Fearon"),
    "RecipientLastName": cycle("Kuhlmann; Terzi; Wegener; Baumgart; Zielinski; Ebert"),
    "PatientenName": cycle("Kuhlmann, Gerda; Terzi, Emre; Wegener, Lutz; Ebert, Rosemarie"),
    "Bezugsperson": cycle("Gerda Kuhlmann; Emre Terzi; Lutz Wegener; Rosemarie Ebert"),
    "Therapeut/in": cycle("Fr. Weyland; Hr. Immel; Fr. Dr. Lotz; Hr. Schrader; Fr. Pauly"),
    "item1": cycle("gerda k.; emre t.; lutz w.; rosemarie e.; klaus-dieter p.; hatice ö."),
    "client": cycle("deirdre gallagher; callum whitcombe; priya raman; marek novak"),
    "informant": cycle("mother (Sheila); father Brendan; aunt Noreen; partner Declan"),
    "Naam cliënt": cycle("dhr. Terpstra; mw. van Rijn; mw. Bouzid; dhr. Kroon; mw. Wijnands"),
    "behandelaar": cycle("l.terpstra; m.vanrijn; s.bouzid; h.kroon; e.wijnands; j.kok"),
    "usager": cycle("Mme Vasseur; M. Lacroix; Mme Traoré; M. Pelletier; Mme Haddad"),
    "interlocuteur": cycle("vasseur monique; lacroix bernard; traore awa; pelletier guy"),
    "paciente": cycle("Lucía Fuentes; Joaquín Rey; Amparo Cuesta; Íker Zabala; Rocío Pons"),
    "tutor": cycle("su madre, Amparo; su padre Joaquín; abuela Remedios; ninguno; tía Pilar"),
    "Audio": cycle("gallagher_s03.wav; whitcombe_s01.wav; raman_s11.wav; novak_s02.wav"),
    "field_22": cycle("KUHLMANN; TERZI; WEGENER; BAUMGART; ZIELINSKI; EBERT; HOPPE"),
    "spouse_name": cycle("Brendan; Ailsa; Dev; Agnieszka; Gareth; Niamh; Samira"),
    "Kontaktperson": cycle("Frau Imhof (Jugendamt); Herr Rauch; Betreuerin Fr. Sorge; keine"),
    # birth
    "BIRTHDATE": days(101, "%Y-%m-%d"),
    "pat_dob": days(102, "%d/%m/%Y"),
    "Geb.-Datum": days(103, "%d.%m.%Y"),
    "birth_yr": [int(y) for y in days(104, "%Y")],
    "gebj": [int(y) for y in days(105, "%y")],
    "geb.jaar": [int(y) for y in days(106, "%Y")],
    "date_naiss": days(107, "%d/%m/%y"),
    "F.Nacimiento": days(108, "%d-%m-%Y"),
    "Q3_1_TEXT": days(109, "%B %d, %Y"),
    "demog04": [float(y) for y in days(110, "%Y")],
    # phone
    "phone_cell": digits(111, "(%##) 555-01##"),
    "Rufnr.": numbers(112, "731%######"),
    "kontakt": digits(113, "0731/%#####"),
    "06nummer": numbers(114, "6%#######"),
    "tél": digits(115, "0% ## ## ## ##"),
    "Q27": digits(116, "0049 17% #######"),
    # numbers
    "Versichertennr": digits(117, "?%########"),
    "vsnr": digits(118, "65 %#0%5# ? ##%"),
    "SSN": digits(119, "%##-%#-####"),
    "DRIVERS": digits(120, "S999#####"),
    "chart_number": numbers(121, "%#####"),
    "Aufnahmenummer": numbers(122, "2023%#####"),
    "v_401": digits(123, "AT## #### #### #### ####"),
    "NIF": digits(124, "%#######?"),
    "bsn_client": numbers(125, "%########"),
    "numero_carte": digits(126, "2 %# 1# 69 ### ### ##"),
    "insurance_policy": digits(127, "???%#######"),
    # address
    "ADDRESS": cycle("804 Rosewood Lane; 12 Quay Rd; 3401 N Elm St Apt 5; 77 Mill Close"),
    "anschrift_1": cycle("Donaustraße 33, 89231 Neu-Ulm; Im Wiesengrund 5, 88400 Biberach"),
    "wpl": cycle("8011 PK Zwolle; 9401 HB Assen; 7941 AA Meppel; 8331 KL Steenwijk"),
    "town": cycle("Bradford; Halifax; Keighley; Shipley; Bingley; Otley; Ilkley"),
    "Adresse postale": cycle("14 allée des Tilleuls 69003 Lyon; 2 pl. Bellecour 69002 Lyon"),
    "var_55": cycle("Gran Vía 41, 2º; Paseo del Prado 8; Calle Real s/n; Ronda Norte 15"),
    "ZIP": numbers(128, "0%###"),
    # online
    "RecipientEmail": cycle("d.gallagher@mail.example; callum.w@mail.example; p_raman@x.example"),
    "IPAddress": digits(129, "91.6%.1##.2#"),
    "skype_id": cycle("live:deirdre.g; callum_whit; priya.raman88; mareknovak"),
    "profil": cycle("https://www.facebook.com/g.kuhlmann; fb.com/emreterzi; instagram.com/lutz"),
    # text
    "Q31_other": [
        "my neighbour Moira told the police about it, so we moved" if i == 3 else None
        for i in range(N)
    ],
    "Verlaufsnotiz": cycle(
        "berichtet vom Streit mit dem Chef bei der Stadtwerke; Termin vergessen, Sohn war krank; "
        "weint viel, will Anwalt anrufen; erscheint nicht; spricht über Scheidung in Ravensburg"
    ),
    "motif": cycle(
        "en conflit avec sa voisine du 3e étage; licencié de l'usine en mars; "
        "son fils est parti vivre chez son père; douleurs; deuil de sa mère à Vienne"
    ),
}  # fmt: skip


def _innocent() -> dict[str, list[object]]:
    rng = np.random.default_rng(7)
    whole = {
        name: list(rng.integers(low, high, N))
        for name, low, high in [
            ("wai_12", 1, 6), ("BDI_Summe", 0, 64), ("age_at_intake", 18, 81), ("Finished", 0, 2),
            ("Duration (in seconds)", 60, 4_000), ("Progress", 0, 101), ("n_no_show", 0, 9),
            ("jaar_start", 2012, 2024), ("Behandlungsjahr", 2005, 2024), ("kcal", 900, 4000),
            ("household_income", 8_000, 95_000), ("Schulabschluss_Jahr", 1975, 2018),
            ("schritte", 200, 21_000), ("hr_max", 60, 190), ("mobile_minutes", 0, 800),
        ]
    }  # fmt: skip
    return whole | {
        "ResponseId": digits(140, "R_%?#?%?##?"),
        "RecordNo": list(range(1, N + 1)),
        "Probennummer": digits(141, "S-%####"),
        "study_id": digits(142, "ALL-%##"),
        "code": digits(143, "%#??%#"),
        "dyad": [f"D{i // 2:03d}" for i in range(N)],
        "therapist": [f"T{i % 5}" for i in range(N)],
        "video_file": [f"session_{i:03d}.mp4" for i in range(N)],
        "checksum": digits(144, "%af#c%e#d##b%a#"),
        "StartDate": days(145, "%m/%d/%Y %H:%M", "2022-05-01", 500),
        "EndDate": days(146, "%Y-%m-%d %H:%M:%S", "2022-05-01", 500),
        "Entlassung": days(147, "%d.%m.%y", "2021-05-01", 700),
        "datum_intake": [int(d) for d in days(148, "%Y%m%d", "2021-05-01", 700)],
        "maand": days(149, "%Y-%m", "2021-05-01", 700),
        "Uhrzeit": [f"{h:02d}:{m:02d}" for h, m in zip(rng.integers(8, 19, N),
                                                      rng.integers(0, 59, N), strict=True)],
        "UserLanguage": pick(41, "EN", "DE", "NL"),
        "DistributionChannel": pick(42, "email", "anonymous", "qr"),
        "Diagnose_Text": pick(43, "Mittelgradige depressive Episode", "Soziale Phobie", "GAS"),
        "diagnose": pick(44, "depressieve stoornis", "paniekstoornis", "angststoornis NAO"),
        "trastorno": pick(45, "trastorno de pánico", "episodio depresivo leve", "TEPT"),
        "Wirkstoff": pick(46, "Quetiapin", "Lithium", "Venlafaxin retard", "Olanzapin"),
        "approach": pick(47, "Schema Therapy", "ACT", "Gestalt", "Person Centred"),
        "Versorgungsvertrag": pick(48, "AOK Bayern", "TK", "Barmer", "DAK"),
        "Region": pick(49, "Oberschwaben", "Alb-Donau", "Bodensee"),
        "land": pick(50, "Nederland", "België", "Duitsland"),
        "nationalité": pick(51, "française", "algérienne", "portugaise"),
        "Beruf_Gruppe": pick(52, "Arbeiter", "Angestellte", "Selbstständig", "Rentner"),
        "emploi": pick(53, "ouvrier", "employé", "cadre", "sans emploi"),
        "woonsituatie": pick(54, "alleenstaand", "samenwonend", "bij ouders"),
        "afbreekreden": pick(55, "verhuisd", "hersteld", "geen contact"),
        "Abbruchgrund": pick(56, "Umzug", "Keine Besserung", "Wechsel des Therapeuten"),
        "relation_to_client": pick(57, "mother", "spouse", "friend"),
        "email_sent": pick(58, "1st reminder", "2nd reminder", "none"),
        "Telefon vorhanden": pick(59, "ja", "nein", "k.A."),
        "address_changed": pick(60, "yes", "no", "unknown"),
        "colour_code": pick(61, "Rose", "Amber", "Violet", "Jade"),
        "animal": pick(62, "Robin", "Fox", "Otter"),
        "subscale": pick(63, "Bond", "Task", "Goal", "Hope"),
        "gender": pick(64, "Frau", "Mann", "divers"),
        "hand": pick(65, "left", "right"),
        "eeg": [float(one) for one in rng.normal(0, 40, N).round(3)],
        "lab_crp": [f"<{one}" for one in rng.integers(1, 9, N)],
        "dose_mg": pick(66, "2 x 25", "1-0-1", "0-0-1", "1-1-1"),
        "item_code": pick(67, "B1.2", "C4.0", "A3.1"),
        "Messzeitpunkt": pick(68, "t0", "t1", "t2", "Katamnese"),
    }  # fmt: skip


INNOCENT = _innocent()
