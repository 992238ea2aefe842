# Edges follow the crowd by what it needs of them. Adding is quick; removing is slow, since a show's breaks are short.

locals {
  scale_out_cooldown_seconds = 30
  scale_in_cooldown_seconds  = 600
}

resource "aws_appautoscaling_policy" "viewers" {
  name               = "${local.service}-viewers"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = module.service.scaling_target.service_namespace
  scalable_dimension = module.service.scaling_target.scalable_dimension
  resource_id        = module.service.scaling_target.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.targets.waiting_viewers
    scale_out_cooldown = local.scale_out_cooldown_seconds
    scale_in_cooldown  = local.scale_in_cooldown_seconds

    customized_metric_specification {
      namespace   = module.service.metrics_namespace
      metric_name = "vitrine_edge_waiting_viewers"
      statistic   = "Average"

      dimensions {
        name  = "Service"
        value = module.service.name
      }
    }
  }
}

resource "aws_appautoscaling_policy" "egress" {
  name               = "${local.service}-egress"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = module.service.scaling_target.service_namespace
  scalable_dimension = module.service.scaling_target.scalable_dimension
  resource_id        = module.service.scaling_target.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.targets.egress_bytes_per_second
    scale_out_cooldown = local.scale_out_cooldown_seconds
    scale_in_cooldown  = local.scale_in_cooldown_seconds

    customized_metric_specification {
      namespace   = "ECS/ContainerInsights"
      metric_name = "NetworkTxBytes"
      statistic   = "Average"

      dimensions {
        name  = "ClusterName"
        value = var.cluster.name
      }

      dimensions {
        name  = "ServiceName"
        value = module.service.name
      }
    }
  }
}

resource "aws_appautoscaling_policy" "cpu" {
  name               = "${local.service}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = module.service.scaling_target.service_namespace
  scalable_dimension = module.service.scaling_target.scalable_dimension
  resource_id        = module.service.scaling_target.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.targets.cpu_percent
    scale_out_cooldown = local.scale_out_cooldown_seconds
    scale_in_cooldown  = local.scale_in_cooldown_seconds

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "predictive" {
  count = var.predictive == "off" ? 0 : 1

  name               = "${local.service}-predictive"
  policy_type        = "PredictiveScaling"
  service_namespace  = module.service.scaling_target.service_namespace
  scalable_dimension = module.service.scaling_target.scalable_dimension
  resource_id        = module.service.scaling_target.resource_id

  predictive_scaling_policy_configuration {
    mode = var.predictive == "on" ? "ForecastAndScale" : "ForecastOnly"
    # Edges are ready this long before the hour that the forecast speaks of.
    scheduling_buffer_time       = 600
    max_capacity_breach_behavior = "HonorMaxCapacity"

    metric_specification {
      target_value = var.targets.cpu_percent

      predefined_metric_pair_specification {
        predefined_metric_type = "ECSServiceCPUUtilization"
      }
    }
  }
}
