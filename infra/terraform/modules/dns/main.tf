# Names, and failing over to a standby region.
#
# Two regions have two sessions of a show, so whoever fails over starts its players anew. It is done by name, for all at
# once, and only when nothing in the first region answers: half an audience on each side would be worse.

data "aws_region" "current" {}

locals {
  # Load balancers whose health decides: the edges', and each cell's for encoders.
  watched = merge(
    { (var.edge_domain) = { namespace = "AWS/ApplicationELB", balancer = var.balancers.primary } },
    { for host, ingest in var.ingests : host => { namespace = "AWS/NetworkELB", balancer = ingest.primary } },
  )

  aliases = merge(
    { (var.edge_domain) = var.balancers },
    var.ingests,
  )

  primaries = { for host, alias in local.aliases : host => alias.primary }
  standbys  = { for host, alias in local.aliases : host => alias.standby if alias.standby != null }
}

resource "aws_route53_record" "viewers" {
  for_each = { for pair in setproduct(var.viewer_domains, ["A", "AAAA"]) : "${pair[0]} ${pair[1]}" => { name = pair[0], type = pair[1] } }

  zone_id = var.zone_id
  name    = each.value.name
  type    = each.value.type

  alias {
    name                   = var.distribution.domain_name
    zone_id                = var.distribution.hosted_zone_id
    evaluate_target_health = false
  }
}

# Nobody but the CDN and encoders gets past the load balancers, Route 53's checkers neither: they go by an alarm.
resource "aws_cloudwatch_metric_alarm" "nothing_healthy" {
  # checkov:skip=CKV_AWS_319:This alarm moves DNS; people are told by the alarms of module observability.
  for_each = local.watched

  alarm_name          = "nothing-healthy-${each.key}"
  alarm_description   = "No task behind ${each.key} is healthy: Route 53 fails over, if there is a standby."
  namespace           = each.value.namespace
  metric_name         = "HealthyHostCount"
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 2
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  actions_enabled     = false

  dimensions = {
    LoadBalancer = each.value.balancer.arn_suffix
    TargetGroup  = each.value.balancer.target_group_arn_suffix
  }
}

resource "aws_route53_health_check" "healthy" {
  for_each = local.watched

  type                            = "CLOUDWATCH_METRIC"
  cloudwatch_alarm_name           = aws_cloudwatch_metric_alarm.nothing_healthy[each.key].alarm_name
  cloudwatch_alarm_region         = data.aws_region.current.region
  insufficient_data_health_status = "LastKnownStatus"

  tags = { Name = each.key }
}

resource "aws_route53_record" "primary" {
  # checkov:skip=CKV2_AWS_23:The load balancer is in another module, or in another region.
  for_each = local.primaries

  zone_id         = var.zone_id
  name            = each.key
  type            = "A"
  set_identifier  = "primary"
  health_check_id = aws_route53_health_check.healthy[each.key].id

  failover_routing_policy {
    type = "PRIMARY"
  }

  alias {
    name                   = each.value.dns_name
    zone_id                = each.value.zone_id
    evaluate_target_health = true
  }
}

resource "aws_route53_record" "standby" {
  # checkov:skip=CKV2_AWS_23:The load balancer is in another module, or in another region.
  for_each = local.standbys

  zone_id        = var.zone_id
  name           = each.key
  type           = "A"
  set_identifier = "standby"

  failover_routing_policy {
    type = "SECONDARY"
  }

  alias {
    name                   = each.value.dns_name
    zone_id                = each.value.zone_id
    evaluate_target_health = true
  }
}
