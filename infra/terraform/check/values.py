#!/usr/bin/env python3
"""values.py MODULE…: are the words in the modules those that AWS knows?

A provider's schema says that an argument is a text, not which texts there are. AWS's own API models do. Each argument in
KNOWN is compared with the values of its shape, wherever it stands in a resource of that type. Only literals are looked at; what
comes from a variable is that variable's validation.
"""

import sys
from pathlib import Path

import botocore.session
import hcl2

# resource type → argument → service and shape of AWS's API. An argument that means several things within a type is named with
# its block.
KNOWN = {
    "aws_acm_certificate": {"validation_method": ("acm", "ValidationMethod")},
    "aws_appautoscaling_policy": {
        "policy_type": ("application-autoscaling", "PolicyType"),
        "predefined_metric_specification.predefined_metric_type": ("application-autoscaling", "MetricType"),
        "statistic": ("application-autoscaling", "MetricStatistic"),
        "max_capacity_breach_behavior": ("application-autoscaling", "PredictiveScalingMaxCapacityBreachBehavior"),
    },
    "aws_appautoscaling_target": {
        "service_namespace": ("application-autoscaling", "ServiceNamespace"),
        "scalable_dimension": ("application-autoscaling", "ScalableDimension"),
    },
    "aws_cloudfront_cache_policy": {
        "query_string_behavior": ("cloudfront", "CachePolicyQueryStringBehavior"),
        "header_behavior": ("cloudfront", "CachePolicyHeaderBehavior"),
        "cookie_behavior": ("cloudfront", "CachePolicyCookieBehavior"),
    },
    "aws_cloudfront_distribution": {
        "http_version": ("cloudfront", "HttpVersion"),
        "viewer_protocol_policy": ("cloudfront", "ViewerProtocolPolicy"),
        "origin_protocol_policy": ("cloudfront", "OriginProtocolPolicy"),
        "origin_ssl_protocols": ("cloudfront", "SslProtocol"),
        "minimum_protocol_version": ("cloudfront", "MinimumProtocolVersion"),
        "ssl_support_method": ("cloudfront", "SSLSupportMethod"),
        "event_type": ("cloudfront", "EventType"),
        "allowed_methods": ("cloudfront", "Method"),
        "cached_methods": ("cloudfront", "Method"),
    },
    "aws_cloudfront_function": {"runtime": ("cloudfront", "FunctionRuntime")},
    "aws_cloudfront_monitoring_subscription": {
        "realtime_metrics_subscription_status": ("cloudfront", "RealtimeMetricsSubscriptionStatus"),
    },
    "aws_cloudfront_origin_access_control": {
        "origin_access_control_origin_type": ("cloudfront", "OriginAccessControlOriginTypes"),
        "signing_behavior": ("cloudfront", "OriginAccessControlSigningBehaviors"),
        "signing_protocol": ("cloudfront", "OriginAccessControlSigningProtocols"),
    },
    "aws_cloudfront_origin_request_policy": {
        "query_string_behavior": ("cloudfront", "OriginRequestPolicyQueryStringBehavior"),
        "header_behavior": ("cloudfront", "OriginRequestPolicyHeaderBehavior"),
        "cookie_behavior": ("cloudfront", "OriginRequestPolicyCookieBehavior"),
    },
    "aws_cloudfront_response_headers_policy": {"referrer_policy": ("cloudfront", "ReferrerPolicyList")},
    "aws_cloudwatch_log_delivery_destination": {"output_format": ("logs", "OutputFormat")},
    "aws_cloudwatch_metric_alarm": {
        "statistic": ("cloudwatch", "Statistic"),
        "comparison_operator": ("cloudwatch", "ComparisonOperator"),
    },
    "aws_ecs_cluster": {"setting.name": ("ecs", "ClusterSettingName")},
    "aws_ecs_service": {"propagate_tags": ("ecs", "PropagateTags")},
    "aws_ecs_task_definition": {
        "network_mode": ("ecs", "NetworkMode"),
        "requires_compatibilities": ("ecs", "Compatibility"),
        "operating_system_family": ("ecs", "OSFamily"),
    },
    "aws_eip": {"domain": ("ec2", "DomainType")},
    "aws_flow_log": {
        "traffic_type": ("ec2", "TrafficType"),
        "log_destination_type": ("ec2", "LogDestinationType"),
    },
    "aws_lb": {"load_balancer_type": ("elbv2", "LoadBalancerTypeEnum")},
    "aws_lb_listener": {"protocol": ("elbv2", "ProtocolEnum"), "type": ("elbv2", "ActionTypeEnum")},
    "aws_lb_listener_rule": {"type": ("elbv2", "ActionTypeEnum")},
    "aws_lb_target_group": {"protocol": ("elbv2", "ProtocolEnum"), "target_type": ("elbv2", "TargetTypeEnum")},
    "aws_route53_health_check": {
        "type": ("route53", "HealthCheckType"),
        "insufficient_data_health_status": ("route53", "InsufficientDataHealthStatus"),
    },
    "aws_s3_bucket_lifecycle_configuration": {
        "status": ("s3", "ExpirationStatus"),
        "storage_class": ("s3", "TransitionStorageClass"),
    },
    "aws_s3_bucket_ownership_controls": {"object_ownership": ("s3", "ObjectOwnership")},
    "aws_s3_bucket_server_side_encryption_configuration": {"sse_algorithm": ("s3", "ServerSideEncryption")},
    "aws_s3_bucket_versioning": {"status": ("s3", "BucketVersioningStatus")},
    "aws_service_discovery_service": {
        "routing_policy": ("servicediscovery", "RoutingPolicy"),
        "type": ("servicediscovery", "RecordType"),
    },
    "aws_vpc_endpoint": {"vpc_endpoint_type": ("ec2", "VpcEndpointType")},
    "aws_wafv2_web_acl": {
        "scope": ("wafv2", "Scope"),
        "aggregate_key_type": ("wafv2", "RateBasedStatementAggregateKeyType"),
        "positional_constraint": ("wafv2", "PositionalConstraint"),
        "type": ("wafv2", "TextTransformationType"),
    },
    "aws_wafv2_web_acl_logging_configuration": {
        "behavior": ("wafv2", "FilterBehavior"),
        "default_behavior": ("wafv2", "FilterBehavior"),
        "requirement": ("wafv2", "FilterRequirement"),
        "action": ("wafv2", "ActionValue"),
    },
}

class Models:
    """AWS's API models, loaded once each."""

    def __init__(self):
        self.session = botocore.session.get_session()
        self.services = {}

    def values(self, service, shape):
        if service not in self.services:
            self.services[service] = self.session.get_service_model(service)
        found = self.services[service].shape_for(shape)
        if not getattr(found, "enum", None):
            raise SystemExit(f"values.py: {service}.{shape} is no list of values in this release of AWS's models")
        return found.enum


def literals(value):
    """The literal words of an argument: the parser leaves an expression as ${…}, and puts a single value into a list."""
    if isinstance(value, list):
        for one in value:
            yield from literals(one)
    elif isinstance(value, str) and "${" not in value:
        yield value


def arguments(body, block=""):
    """Every argument of a block and of the blocks within it, with the name of its block."""
    for name, value in body.items():
        blocks = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
        for nested in blocks:
            yield from arguments(nested, name)
        if not blocks:
            yield name, value, block


def check(module, models):
    """Yields a complaint for each word that AWS does not know, and "" for each that it does."""
    for path in sorted(Path(module).glob("*.tf")):
        with path.open(encoding="utf-8") as file:
            resources = hcl2.load(file).get("resource", [])
        for resource in resources:
            for kind, named in resource.items():
                for name, body in named.items():
                    yield from check_resource(f"{path}: {kind}.{name}", kind, body, models)


def check_resource(place, kind, body, models):
    known = KNOWN.get(kind, {})
    for argument, value, block in arguments(body):
        shape = known.get(f"{block}.{argument}") or known.get(argument)
        if shape is None:
            continue
        allowed = models.values(*shape)
        for word in literals(value):
            yield "" if word in allowed else f"{place}: {argument} = \"{word}\" is none of {', '.join(sorted(allowed))}"


def main(modules):
    models = Models()
    results = [result for module in modules for result in check(module, models)]
    complaints = [result for result in results if result]
    print(*complaints, sep="\n", end="\n" if complaints else "")
    if not results:
        raise SystemExit("values.py: no argument was looked at: is the parser another release?")
    print(f"{len(results)} words compared with AWS's models, {len(complaints)} unknown")
    raise SystemExit(bool(complaints))


if __name__ == "__main__":
    main(sys.argv[1:])
