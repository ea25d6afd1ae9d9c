from directory.api.serializers import DocumentSerializer
from partners.public_views import PublicView


class PublicViewSerializer(DocumentSerializer):
    class Meta(DocumentSerializer.Meta):
        model = PublicView
        fields = ["id", "slug", "url", "revision", "name", "description", "query", "created_at", "updated_at"]
