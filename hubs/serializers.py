from rest_framework import serializers

from directory.api.fields import Reference
from directory.api.serializers import DocumentSerializer
from hubs.models import Hub, Indicator, Program


class HubSerializer(DocumentSerializer):
    province_name = serializers.CharField(source="get_province_display", read_only=True)

    class Meta(DocumentSerializer.Meta):
        model = Hub
        fields = [
            *("id", "slug", "url", "revision", "name", "province", "province_name", "latitude", "longitude"),
            *("geonames_id", "notable", "aliases", "summary", "technology_parks", "source"),
            *("created_at", "updated_at"),
        ]


class ProgramSerializer(DocumentSerializer):
    hub = Reference(queryset=Hub.objects, required=False, allow_null=True)

    class Meta(DocumentSerializer.Meta):
        model = Program
        fields = [
            *(
                "id",
                "slug",
                "url",
                "revision",
                "name",
                "kind",
                "hub",
                "organiser",
                "started_year",
                "for_women",
            ),
            *("summary", "website", "source", "created_at", "updated_at"),
        ]


class IndicatorSerializer(DocumentSerializer):
    hub = Reference(queryset=Hub.objects, required=False, allow_null=True)

    class Meta(DocumentSerializer.Meta):
        model = Indicator
        fields = [
            *("id", "slug", "url", "revision", "name", "measure", "period", "period_start", "period_end"),
            *("value", "unit", "hub", "note", "source", "created_at", "updated_at"),
        ]
