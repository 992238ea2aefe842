# One cell: the tasks that own these channels, their way in for encoders, and their name for edges.
#
#   encoder ──RTMPS 443──► NLB ──1935──► task ◄──8080── edges (CELL.PRIVATE_DOMAIN), control API (HTTP balancer)

locals {
  service   = "${var.name}-origin-${var.cell}"
  http_port = 8080
  rtmp_port = 1935
  srt_port  = 9000
}

module "service" {
  source = "../service"

  name                 = local.service
  cluster              = var.cluster
  vpc_id               = var.vpc_id
  subnet_ids           = var.private_subnet_ids
  program              = "vitrine"
  image                = var.image
  collector_image      = var.collector_image
  pull_repository_arns = var.pull_repository_arns
  architecture         = var.architecture
  cpu                  = var.cpu
  memory_mib           = var.memory_mib
  config_secret_arn    = aws_secretsmanager_secret.config.arn
  http_port            = local.http_port
  other_ports = merge(
    { rtmp = { port = local.rtmp_port, protocol = "tcp" } },
    var.srt ? { srt = { port = local.srt_port, protocol = "udp" } } : {},
  )
  environment = {
    VITRINE_HTTP_LISTEN             = "0.0.0.0:${local.http_port}"
    VITRINE_RTMP_LISTEN             = "0.0.0.0:${local.rtmp_port}"
    VITRINE_TARGET_DURATION_SECONDS = tostring(var.packaging.target_duration_seconds)
    VITRINE_PART_TARGET_SECONDS     = tostring(var.packaging.part_target_seconds)
  }
  # Named by way of their listeners, since ECS takes no target group that has no load balancer yet.
  load_balancers = concat(
    [
      { target_group_arn = aws_lb_listener.rtmps.default_action[0].target_group_arn, port = local.rtmp_port },
      { target_group_arn = aws_lb_listener_rule.control[var.channels[0]].action[0].target_group_arn, port = local.http_port },
    ],
    [for listener in aws_lb_listener.srt : { target_group_arn = listener.default_action[0].target_group_arn, port = local.srt_port }],
  )
  registry_arn  = aws_service_discovery_service.cell.arn
  metrics       = ["^vitrine_waiting_viewers$", "^vitrine_publications_total$", "^vitrine_events_total$", "^vitrine_rung.*$", "^vitrine_ladder_.*$"]
  tasks         = var.tasks
  scales_in     = false
  shows         = var.shows
  task_policies = { archive = data.aws_iam_policy_document.archive.json }
  kms_key_arn   = var.kms_key_arn
}

# The cell's configuration file, written by hand or by the shop's back end, and never by Terraform: it would be in the state.
resource "aws_secretsmanager_secret" "config" {
  # checkov:skip=CKV2_AWS_57:Stream keys are rotated with the broadcaster, who has to type them; a timer would cut a show off.
  name                    = "${local.service}/vitrine.toml"
  description             = "vitrine.toml of origin cell ${var.cell}: the tables [[channel]] with stream_keys and event_tokens"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.deletion_protection ? 30 : 7
}

resource "aws_service_discovery_service" "cell" {
  name        = var.cell
  description = "Tasks of origin cell ${var.cell}"

  dns_config {
    namespace_id   = var.namespace.id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      # A replaced task is found within this time.
      ttl = 5
    }
  }

  # ECS reports the tasks' health.
  health_check_custom_config {
    failure_threshold = 1
  }
}

data "aws_iam_policy_document" "archive" {
  statement {
    sid       = "ReplaysOfTheseChannels"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = [for channel in var.channels : "${var.archive.arn}/archive/${channel}/*"]
  }

  statement {
    sid       = "WhichReplaysThereAre"
    actions   = ["s3:ListBucket"]
    resources = [var.archive.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = [for channel in var.channels : "archive/${channel}/*"]
    }
  }

  statement {
    sid       = "ReplaysAreEncrypted"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:aws:s3:arn"
      values   = [var.archive.arn]
    }
  }
}

# Encode headroom: an encoder that is here stays here, so tasks are only ever added.
resource "aws_appautoscaling_policy" "encode_headroom" {
  count = var.tasks.max > 1 ? 1 : 0

  name               = "${local.service}-encode-headroom"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = module.service.scaling_target.service_namespace
  scalable_dimension = module.service.scaling_target.scalable_dimension
  resource_id        = module.service.scaling_target.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.encode_target_percent
    disable_scale_in   = true
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
