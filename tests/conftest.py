"""What holds for all tests."""

import hypothesis

# On a busy machine an example may take long: the clock must not decide a test.
hypothesis.settings.register_profile("no_clock", deadline=None)
hypothesis.settings.load_profile("no_clock")
