"""Two scores over the waves of the same clients: who leads, within a client?"""
