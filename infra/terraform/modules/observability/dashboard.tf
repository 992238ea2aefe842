# One page for the evening of a show, from the viewer's side down to the encoders'.

data "aws_region" "current" {}

locals {
  cdn       = ["DistributionId", var.distribution_id, "Region", "Global"]
  edge      = ["ClusterName", var.cluster_name, "ServiceName", var.edge.service_name]
  balancer  = ["LoadBalancer", var.edge.balancer_arn_suffix]
  us_east_1 = "us-east-1"

  graphs = [
    {
      title   = "Viewers' requests and bytes at the CDN"
      region  = local.us_east_1
      metrics = [concat(["AWS/CloudFront", "Requests"], local.cdn, [{ stat = "Sum" }]), concat(["AWS/CloudFront", "BytesDownloaded"], local.cdn, [{ stat = "Sum", yAxis = "right" }])]
    },
    {
      title   = "CDN: hits and errors, percent"
      region  = local.us_east_1
      metrics = [for metric in ["CacheHitRate", "4xxErrorRate", "5xxErrorRate"] : concat(["AWS/CloudFront", metric], local.cdn, [{ stat = "Average" }])]
    },
    {
      title   = "Refused by the web ACL"
      region  = local.us_east_1
      metrics = [for rule in ["rate-playback", "rate-control"] : ["AWS/WAFV2", "BlockedRequests", "WebACL", var.web_acl_name, "Rule", "${var.name}-${rule}", { stat = "Sum" }]]
    },
    {
      title   = "Requests that wait at the edges"
      region  = data.aws_region.current.region
      metrics = [["Vitrine", "vitrine_edge_waiting_viewers", "Service", var.edge.service_name, { stat = "Average", label = "for each edge" }]]
    },
    {
      title   = "Edges: tasks and CPU"
      region  = data.aws_region.current.region
      metrics = [concat(["ECS/ContainerInsights", "RunningTaskCount"], local.edge, [{ stat = "Average" }]), concat(["AWS/ECS", "CPUUtilization"], local.edge, [{ stat = "Average", yAxis = "right" }])]
    },
    {
      title   = "Edges: egress of each, bytes a second"
      region  = data.aws_region.current.region
      metrics = [concat(["ECS/ContainerInsights", "NetworkTxBytes"], local.edge, [{ stat = "Average" }])]
    },
    {
      title   = "Edges' answers to the CDN"
      region  = data.aws_region.current.region
      metrics = [for class in ["2XX", "4XX", "5XX"] : concat(["AWS/ApplicationELB", "HTTPCode_Target_${class}_Count"], local.balancer, [{ stat = "Sum" }])]
    },
    {
      title   = "Origin cells: CPU, percent"
      region  = data.aws_region.current.region
      metrics = [for cell, origin in var.origins : ["AWS/ECS", "CPUUtilization", "ClusterName", var.cluster_name, "ServiceName", origin.service_name, { stat = "Maximum", label = cell }]]
    },
    {
      title   = "Origin cells: the ladder's lag, seconds"
      region  = data.aws_region.current.region
      metrics = [for cell, origin in var.origins : ["Vitrine", "vitrine_ladder_lag_seconds", "Service", origin.service_name, { stat = "Maximum", label = cell }]]
    },
    {
      title   = "Origin cells: rungs shed"
      region  = data.aws_region.current.region
      metrics = [for cell, origin in var.origins : ["Vitrine", "vitrine_rungs_shed_total", "Service", origin.service_name, { stat = "Sum", label = cell }]]
    },
    {
      title   = "Encoders connected"
      region  = data.aws_region.current.region
      metrics = [for cell, origin in var.origins : ["AWS/NetworkELB", "ActiveFlowCount", "LoadBalancer", origin.balancer_arn_suffix, { stat = "Average", label = cell }]]
    },
    {
      title   = "Show events"
      region  = data.aws_region.current.region
      metrics = [for cell, origin in var.origins : ["Vitrine", "vitrine_events_total", "Service", origin.service_name, { stat = "Sum", label = cell }]]
    },
  ]

  columns = 3
  width   = 8
  height  = 6
}

resource "aws_cloudwatch_dashboard" "show" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [for index, graph in local.graphs : {
      type       = "metric"
      x          = local.width * (index % local.columns)
      y          = local.height * floor(index / local.columns)
      width      = local.width
      height     = local.height
      properties = merge(graph, { view = "timeSeries", period = local.minute })
    }]
  })
}
