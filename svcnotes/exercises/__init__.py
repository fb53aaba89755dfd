"""Questions drawn per student, and checks that trace the answer."""
