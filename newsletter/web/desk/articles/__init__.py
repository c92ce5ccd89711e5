"""Stories at the desk: the list, the editor with its preview, publishing, and bringing in saved pages."""

from newsletter.web.desk.articles import adding, bring_in, editor, presence, preview, publishing, story_list

__all__ = ["adding", "bring_in", "editor", "presence", "preview", "publishing", "story_list"]
