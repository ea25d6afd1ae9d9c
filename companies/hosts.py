"""Hosts on which anybody may have a page: that two companies have the same one says nothing about either."""

from directory.websites import bare_domain, suffixes

SHARED_WORDS = """
    about.me apple.com behance.net bing.com bit.ly blogger.com blogspot.com business.site carrd.co clutch.co
    contra.com crunchbase.com discord.com discord.gg dribbble.com etsy.com facebook.com fb.com fb.me
    fiverr.com flickr.com forms.gle freelancer.com g.co g.page github.com gitlab.com glassdoor.com godaddysites.com
    goo.gl google.com google.com.pk googleusercontent.com guru.com hubpages.com indeed.com instagram.com jimdo.com
    jimdosite.com justdial.com linkedin.com linktr.ee lnkd.in mapquest.com medium.com microsoft.com mystrikingly.com
    notion.site notion.so olx.com.pk outlook.com page.link patreon.com peopleperhour.com pinterest.com quora.com
    reddit.com rozee.pk scribd.com shopify.com site123.me skype.com slack.com snapchat.com soundcloud.com
    sourceforge.net squarespace.com steampowered.com strikingly.com substack.com telegram.me t.me tiktok.com
    tripod.com tumblr.com twitter.com upwork.com vimeo.com wa.me webflow.io webs.com website.com weebly.com
    wikidata.org wikipedia.org wix.com wixsite.com wordpress.com x.com yahoo.com yelp.com yolasite.com
    whatsapp.com youtu.be youtube.com
"""
SHARED = frozenset(SHARED_WORDS.split())
# What people put where an address has to be: domains that stand for nobody.
PLACEHOLDERS = frozenset(["domain", "example", "localhost", "mysite", "none", "test", "website", "yourdomain", "na"])


def own_domain(website: str) -> str:
    """The bare domain of ``website`` where it is somebody's own; empty where it is anybody's, or nobody's.

    Beside the list above, the list of public suffixes knows hosts under which everybody has a name: vercel.app.
    """
    domain = bare_domain(website)
    label = domain.partition(".")[0]
    if domain in SHARED or label in PLACEHOLDERS or len(set(label)) == 1 < len(label):
        return ""
    is_suffix = suffixes(domain, include_psl_private_domains=True).suffix == domain
    return "" if is_suffix else domain


def label_of(domain: str) -> str:
    """What a domain is called, whatever its ending and hyphens: ``contoursoftware`` of contour-software.com."""
    return domain.partition(".")[0].replace("-", "")
