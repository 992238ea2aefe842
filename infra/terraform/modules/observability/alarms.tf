# Each alarm says what it means for the show, and what to do: its description is what wakes somebody up.

locals {
  minute = 60

  edge_alarms = {
    edge-unhealthy = {
      description = "Edges fail their health check. Viewers are on the others. If all fail, look at the origins first: an edge is ready when one origin answers."
      namespace   = "AWS/ApplicationELB", metric = "UnHealthyHostCount", statistic = "Maximum", comparison = "GreaterThanThreshold", threshold = 0, minutes = 3
      dimensions  = { LoadBalancer = var.edge.balancer_arn_suffix, TargetGroup = var.edge.target_group_arn_suffix }
    }
    edge-errors = {
      description = "Edges answer the CDN with 5xx. 503 in small numbers is normal when an encoder stalls; many, or 502 and 504, mean that origins do not answer: see each origin's alarms."
      namespace   = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", statistic = "Sum", comparison = "GreaterThanThreshold", threshold = 300, minutes = 3
      dimensions  = { LoadBalancer = var.edge.balancer_arn_suffix, TargetGroup = var.edge.target_group_arn_suffix }
    }
    edge-balancer-refuses = {
      description = "The load balancer refuses connections: it has reached its limit. Ask AWS for reserved capacity before the next show of this size."
      namespace   = "AWS/ApplicationELB", metric = "RejectedConnectionCount", statistic = "Sum", comparison = "GreaterThanThreshold", threshold = 0, minutes = 1
      dimensions  = { LoadBalancer = var.edge.balancer_arn_suffix }
    }
    edge-few = {
      description = "Fewer edges run than the least number. Look at the service's events: most often an image that cannot be pulled, or no capacity in a zone."
      namespace   = "ECS/ContainerInsights", metric = "RunningTaskCount", statistic = "Minimum", comparison = "LessThanThreshold", threshold = var.edge.tasks.min, minutes = 5
      dimensions  = { ClusterName = var.cluster_name, ServiceName = var.edge.service_name }
    }
    edge-full = {
      description = "As many edges run as are allowed: the next thousand viewers add to the load of those. Raise tasks.max."
      namespace   = "ECS/ContainerInsights", metric = "RunningTaskCount", statistic = "Maximum", comparison = "GreaterThanOrEqualToThreshold", threshold = var.edge.tasks.max, minutes = 5
      dimensions  = { ClusterName = var.cluster_name, ServiceName = var.edge.service_name }
    }
    edge-cpu = {
      description = "Edges are busy beyond what scaling aims at: parts reach viewers late. See whether new edges come up; raise the show's min_tasks next time."
      namespace   = "AWS/ECS", metric = "CPUUtilization", statistic = "Average", comparison = "GreaterThanThreshold", threshold = 80, minutes = 5
      dimensions  = { ClusterName = var.cluster_name, ServiceName = var.edge.service_name }
    }
  }

  origin_alarms = merge([for cell, origin in var.origins : {
    "origin-${cell}-encode-headroom" = {
      description = "Less than a quarter of origin cell ${cell}'s CPU is left: a scene that is hard to encode makes it shed the highest rungs. Move a channel to another cell, or give this one more CPU, after the show."
      namespace   = "AWS/ECS", metric = "CPUUtilization", statistic = "Maximum", comparison = "GreaterThanThreshold", threshold = 75, minutes = 3, missing = "notBreaching"
      dimensions  = { ClusterName = var.cluster_name, ServiceName = origin.service_name }
    }
    "origin-${cell}-memory" = {
      description = "Origin cell ${cell} is near its memory's end, and would be killed there. Shorten window_seconds or give it more."
      namespace   = "AWS/ECS", metric = "MemoryUtilization", statistic = "Maximum", comparison = "GreaterThanThreshold", threshold = 85, minutes = 3, missing = "notBreaching"
      dimensions  = { ClusterName = var.cluster_name, ServiceName = origin.service_name }
    }
    "origin-${cell}-rungs-shed" = {
      description = "Origin cell ${cell} sheds rungs: viewers get a lower picture quality, none stalls. It encodes more than it can: see its encode headroom."
      namespace   = "Vitrine", metric = "vitrine_rungs_shed_total", statistic = "Sum", comparison = "GreaterThanThreshold", threshold = 0, minutes = 1, missing = "notBreaching"
      dimensions  = { Service = origin.service_name }
    }
    "origin-${cell}-down" = {
      description = "No task of origin cell ${cell} is ready: its channels are off the air. Encoders reconnect by themselves when one is."
      namespace   = "AWS/NetworkELB", metric = "HealthyHostCount", statistic = "Maximum", comparison = "LessThanThreshold", threshold = 1, minutes = 2
      # A cell that runs during shows only is not down between them.
      missing    = origin.always_on ? "breaching" : "notBreaching"
      dimensions = { LoadBalancer = origin.balancer_arn_suffix, TargetGroup = origin.target_group_arn_suffix }
    }
  }]...)

  cdn_alarms = {
    cdn-5xx = { metric = "5xxErrorRate", threshold = 1, minutes = 3, description = "More than one viewer's request in a hundred fails at the CDN. See the edges' and origins' alarms; if they are quiet, look at AWS's own health page." }
    cdn-4xx = { metric = "4xxErrorRate", threshold = 10, minutes = 5, description = "More than one request in ten is refused. 403: signatures expired, or a page signs wrongly. 404: a page asks for a channel that is not on. 429: the web ACL." }
  }
}

resource "aws_cloudwatch_metric_alarm" "regional" {
  for_each = merge(local.edge_alarms, local.origin_alarms)

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = local.minute
  evaluation_periods  = each.value.minutes
  dimensions          = each.value.dimensions
  treat_missing_data  = lookup(each.value, "missing", "notBreaching")
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "cdn" {
  for_each = local.cdn_alarms

  region              = "us-east-1"
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/CloudFront"
  metric_name         = each.value.metric
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = local.minute
  evaluation_periods  = each.value.minutes
  dimensions          = { DistributionId = var.distribution_id, Region = "Global" }
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.cloudfront_topic_arns
  ok_actions          = var.cloudfront_topic_arns
}
