# The caching tier between the CDN and the origins: one origin request for each object, whatever the crowd.
#
#   CDN ──HTTPS──► HTTP balancer ──8081──► edges ──8080, h2c──► origin cells

locals {
  service   = "${var.name}-edge"
  http_port = 8081

  # vitrine-edge.toml; JSON's strings and lists are TOML's.
  config = join("\n", concat(
    [
      "[http]",
      "listen = ${jsonencode("0.0.0.0:${local.http_port}")}",
      "[cache]",
      "memory_mib = ${floor(var.memory_mib / 2)}",
    ],
    flatten([for cell, origin in var.origins : [
      "[[origin]]",
      "url = ${jsonencode(origin.url)}",
      "channels = ${jsonencode(origin.channels)}",
    ]]),
  ))
}

module "service" {
  source = "../service"

  name                 = local.service
  cluster              = var.cluster
  vpc_id               = var.vpc_id
  subnet_ids           = var.private_subnet_ids
  program              = "vitrine-edge"
  image                = var.image
  collector_image      = var.collector_image
  pull_repository_arns = var.pull_repository_arns
  architecture         = var.architecture
  cpu                  = var.cpu
  memory_mib           = var.memory_mib
  config               = local.config
  http_port            = local.http_port
  # Named by way of its rule, since ECS takes no target group that has no load balancer yet.
  load_balancers = [{ target_group_arn = aws_lb_listener_rule.edge.action[0].target_group_arn, port = local.http_port }]
  metrics        = ["^vitrine_edge_.*$"]
  tasks          = var.tasks
  scales_in      = true
  shows          = var.shows
  kms_key_arn    = var.kms_key_arn
}

resource "aws_lb_target_group" "edge" {
  # checkov:skip=CKV_AWS_378:TLS ends at the load balancer; from there it is one hop between two security groups of one VPC.
  name             = local.service
  target_type      = "ip"
  vpc_id           = var.vpc_id
  protocol         = "HTTP"
  protocol_version = "HTTP1"
  port             = local.http_port
  # Blocked requests are all short: whoever waits has an answer within three target durations.
  deregistration_delay = 60
  # A request that waits is work that is not done yet: count requests, not turns.
  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path                = "/readyz"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener_rule" "edge" {
  listener_arn = var.balancer.listener_arn
  # Behind every origin's rules for its control API.
  priority = 49000

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.edge.arn
  }

  condition {
    http_header {
      http_header_name = var.balancer.secret_header
      values           = var.balancer.secrets
    }
  }
}

# Health checks and the collector come to the tasks themselves; nobody comes to these by the CDN.
resource "aws_lb_listener_rule" "not_for_viewers" {
  listener_arn = var.balancer.listener_arn
  priority     = aws_lb_listener_rule.edge.priority - 1

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "no such page"
      status_code  = "404"
    }
  }

  condition {
    path_pattern {
      values = ["/metrics", "/healthz", "/readyz"]
    }
  }
}

resource "aws_vpc_security_group_egress_rule" "balancer_to_edge" {
  security_group_id            = var.balancer.security_group_id
  description                  = "To the edges"
  referenced_security_group_id = module.service.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.http_port
  to_port                      = local.http_port
}

resource "aws_vpc_security_group_ingress_rule" "edge_from_balancer" {
  security_group_id            = module.service.security_group_id
  description                  = "HTTP from the load balancer"
  referenced_security_group_id = var.balancer.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.http_port
  to_port                      = local.http_port
}
