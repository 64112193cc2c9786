"""Pages for people: `reconstruction_page` shows recordings before and after, signtok.report.page compares runs."""

from signtok.report.reconstruction import PageItem, reconstruction_page

__all__ = ["PageItem", "reconstruction_page"]
