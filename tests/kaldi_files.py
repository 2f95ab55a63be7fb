"""The package with which the installed ESPnet reads Kaldi's files."""

try:
    from omniio import kaldi as kaldiio  # its successor, with the same functions
except ImportError:
    import kaldiio

__all__ = ["kaldiio"]
