"""How far apart do therapist and client rate the same sessions?"""
