"""A third list, written after the rules were changed for the second; nothing was changed for it.

Its figure is the honest one. Headers and values are such as `identifier_list_a` says.
"""

from __future__ import annotations

import numpy as np
from identifier_lists import N, cycle, days, digits, numbers, pick

PLANTED: dict[str, list[object]] = {
    # names
    "Patient": cycle("Gotthilf Maurer; Sevim Karaca; Ottokar Brezel; Liesel Damm; Udo Nießen"),
    "Teilnehmerin": cycle("Liesel D.; Sevim K.; Gudrun M.; Wiltrud B.; Chantal R.; Nele F."),
    "Kind": cycle("Finn-Luca; Mila; Emil; Ben; Leonie; Jonte; Charlotte; Mats"),
    "V3": cycle("maurer; karaca; brezel; damm; nießen; ostertag; wiedmann; schäufele"),
    "eltern": cycle("Sevim und Orhan Karaca; Liesel Damm; Gudrun u. Horst Maurer"),
    "überwiesen von": cycle("Dr. Schäufele; Fr. Dr. Wiedmann; Klinik; Dr. Ostertag; selbst"),
    "participant": cycle("Esther M.; Winston B.; Imogen T.; Zainab A.; Rory C.; Hugh L."),
    "partner_a": cycle("Imogen Thorne; Winston Blake; Zainab Amadi; Rory Calder; Hugh Lacey"),
    "key_worker": cycle("imogen; winston; zainab; rory; hugh; beryl; clive; nadia"),
    "seen_by": cycle("T Blake; Z Amadi; R Calder; H Lacey; B Thorne; C Osgood"),
    "col C": cycle("Thorne/Imogen; Blake/Winston; Amadi/Zainab; Calder/Rory; Lacey/Hugh"),
    "nok": cycle("husband - Clive; sister - Beryl; son - Rory; none; mum - Nadia"),
    "hulpverlener": cycle("Mevr. Zandstra; dhr. Kuipers; Mevr. Oosterhof; dhr. Brinkman"),
    "cl_naam": cycle("zandstra, y.; kuipers, b.; oosterhof, m.; brinkman, r.; jorritsma, a."),
    "patiënt": cycle("Ymkje Zandstra; Berend Kuipers; Mirthe Oosterhof; Rinse Brinkman"),
    "nom_prenom": cycle("CHEVRIER Maxence; FAYOLLE Lison; BARTHÉLÉMY Ugo; SY Aminata"),
    "référent": cycle("M. Chevrier; Mme Fayolle; Dr Barthélémy; Mme Sy; M. Guérin"),
    "apellido1": cycle("Arrieta; Lozano; Cifuentes; Ybarra; Mondéjar; Quesada; Salinas"),
    "nombre_pac": cycle("Begoña; Iñigo; Marisol; Fermín; Leire; Anselmo; Nuria"),
    "recording": cycle("imogen-thorne-03.mp3; winston-blake-01.mp3; rory-calder-07.mp3"),
    # birth
    "Geb": days(201, "%d.%m.%Y"),
    "gebdat_pat": days(202, "%Y-%m-%d"),
    "year born": [int(y) for y in days(203, "%Y")],
    "V7": days(204, "%d.%m.%y"),
    "x_b": [int(y) for y in days(205, "%Y")],
    "naissance_annee": [int(y) for y in days(206, "%Y")],
    "nacido el": days(207, "%d/%m/%Y"),
    "leeftijd/gebdatum": days(208, "%d-%m-%Y"),
    "birthday_participant": days(209, "%d %b %Y"),
    "num8": [int(d) for d in days(210, "%Y%m%d")],
    # phone
    "Telefon (mobil)": digits(211, "017% #######"),
    "Nummer": numbers(212, "4917########"),
    "contact_no": digits(213, "07### ######"),
    "tel_werk": digits(214, "0#0 - ### ## ##"),
    "numéro": digits(215, "+33 6 ## ## ## ##"),
    "telf_movil": numbers(216, "6########"),
    # numbers
    "eGK": digits(217, "?%########"),
    "IdNr": numbers(218, "%##########"),
    "national_insurance_no": digits(219, "AB ## ## ## C"),
    "nhs": numbers(220, "4#########"),
    "burger_sn": numbers(221, "%########"),
    "NIR": digits(222, "2%#0%75######%#"),
    "tarjeta": digits(223, "????%#########"),
    "bank": digits(224, "FR76 #### #### #### #### #### ###"),
    "hospital_id": numbers(225, "70#####"),
    "PatNr": numbers(226, "8#####"),
    # address
    "Anschrift": cycle("Weinsteige 44; Am Rosenhag 3; Ob. Torgasse 19; Fichtenweg 8b"),
    "W": cycle("70180 Stuttgart; 73033 Göppingen; 72764 Reutlingen; 71032 Böblingen"),
    "postcode_home": cycle("EX4 6PX; TQ1 2AB; PL4 8AA; TA1 1RH; BA2 7AY"),
    "line 1": cycle("Flat 3, 19 Beacon Hill; The Old Forge, Mill Lane; 6 Orchard Close"),
    "straat + nr": cycle("Noorderhaven 61; Hereweg 12a; Oude Ebbingestraat 5; Kattendiep 9"),
    "commune": cycle("Villeurbanne; Bron; Écully; Oullins; Vénissieux; Caluire"),
    "dirección": cycle("Camino Viejo 7; C/ Sol, 18; Av. América 22 4ºC; Pza. Mayor 1"),
    "provenance": cycle("5 chemin du Moulin, 38000 Grenoble; 21 rue Thiers, 38100 Grenoble"),
    # online
    "mail_privat": cycle("liesel.damm@post.example; s.karaca@post.example; udo@post.example"),
    "login": cycle("ldamm; skaraca; unien; gmaurer; obrezel; wbuck"),
    "zoom_link": cycle("https://zoom.example/j/5551234; https://zoom.example/my/imogenthorne"),
    "client_addr": digits(227, "188.4%.2#.1##"),
    # text
    "Sonstiges": [
        "arbeitet im Rathaus von Göppingen und ist Nichte des Bürgermeisters" if i == 5 else None
        for i in range(N)
    ],
    "session notes": cycle(
        "talked about row with boss at the Exeter depot; cried; late, bus from Crediton; "
        "sister Beryl moving out; wants letter for the court; brought her poems, very moving"
    ),
}  # fmt: skip


def _innocent() -> dict[str, list[object]]:
    rng = np.random.default_rng(17)
    whole = {
        name: list(rng.integers(low, high, N))
        for name, low, high in [
            ("srs_total", 0, 41), ("SCL_90_GSI", 0, 5), ("Alter bei Beginn", 18, 80),
            ("jahr", 2010, 2024), ("year_qualified", 1988, 2022), ("caseload", 1, 60),
            ("wachttijd_dagen", 0, 400), ("durée_min", 20, 95), ("edad", 18, 80),
            ("cortisol", 50, 900), ("items_missing", 0, 9), ("words_spoken", 100, 9_999),
            ("postcode_area_size", 100, 90_000), ("name_recall_score", 0, 20),
        ]
    }  # fmt: skip
    return whole | {
        "Kürzung": pick(71, "ja", "nein"),
        "ID": [f"P-{i:04d}" for i in range(1, N + 1)],
        "case": [int(one) for one in range(20_230_001, 20_230_001 + N)],
        "token": digits(240, "%?#?%#?%"),
        "subject": [f"sub-{i:02d}" for i in range(N)],
        "pair_id": [1000 + i // 2 for i in range(N)],
        "sha": digits(241, "%a%b#c#d#e#f%a"),
        "intake_date": days(242, "%d %b %Y", "2022-01-10", 600),
        "Erstgespräch": days(243, "%d.%m.%Y", "2022-01-10", 600),
        "ingevuld_op": days(244, "%d-%m-%Y %H:%M", "2022-01-10", 600),
        "fecha_alta": days(245, "%d/%m/%Y", "2022-01-10", 600),
        "kwartaal": pick(72, "2022Q1", "2022Q2", "2023Q4"),
        "epoch_ms": [int(one) * 1000 for one in rng.integers(1_640_000_000, 1_700_000_000, N)],
        "Diagnosegruppe": pick(73, "Angst", "Depression", "Sucht", "Essstörung"),
        "dsm": pick(74, "MDD", "GAD", "PTSD", "BPD"),
        "traitement": pick(75, "TCC", "psychanalyse", "systémique"),
        "tratamiento": pick(76, "individual", "grupal", "farmacológico"),
        "Therapieschule": pick(77, "VT", "TP", "AP", "Systemisch"),
        "drug": pick(78, "Prozac", "Zoloft", "Lexapro", "none"),
        "team": pick(79, "Blue Team", "Red Team", "Crisis Team"),
        "clinic_code": pick(80, "EXE", "PLY", "TAU"),
        "provincie": pick(81, "Drenthe", "Groningen", "Friesland"),
        "continent": pick(82, "Europe", "Asia", "Africa"),
        "lengua": pick(83, "castellano", "catalán", "euskera"),
        "religie": pick(84, "katholiek", "moslim", "geen"),
        "orientation": pick(85, "heterosexual", "gay", "bisexual", "other"),
        "Familienstand": pick(86, "ledig", "verheiratet", "geschieden"),
        "work": pick(87, "full time", "part time", "sick leave"),
        "beroep_klasse": pick(88, "laag", "midden", "hoog"),
        "end": pick(89, "Planned ending", "Client stopped", "Therapist left"),
        "fin": pick(90, "accord mutuel", "abandon", "transfert"),
        "consentement": pick(91, "oui", "non"),
        "Kontakt erlaubt": pick(92, "ja", "nein"),
        "phone_or_video": pick(93, "phone", "video"),
        "email_frequency": pick(94, "daily", "weekly", "never"),
        "coder": pick(95, "A", "B", "C"),
        "marker_3rs": pick(96, "withdrawal", "confrontation", "none"),
        "goal_text": pick(97, "sleep better", "less worry", "go out more"),
        "feedback": pick(98, "helpful", "not helpful", "neutral"),
        "weather": pick(99, "Sunny", "Cloudy", "Rain"),
        "device": pick(100, "iPad", "laptop", "paper"),
        "os": pick(101, "iOS 16.2", "Android 13", "Windows 11"),
        "form_version": pick(102, "v1.2", "v1.3", "v2.0"),
        "ratio": [f"{one:.3f}" for one in rng.normal(1, 0.2, N)],
        "ci": [f"{one:.2f}-{one + 0.3:.2f}" for one in rng.normal(1, 0.2, N)],
        "grid": [f"{x}/{y}" for x, y in zip(rng.integers(0, 9, N), rng.integers(0, 9, N),
                                           strict=True)],
    }  # fmt: skip


INNOCENT = _innocent()
