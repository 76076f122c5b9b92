"""Truth and bias of the therapist's judgement."""
