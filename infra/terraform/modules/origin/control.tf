# The control API, by way of the CDN: what is under a channel's path goes to the cell that has it. The path itself is the
# channel's status, which every watch page asks for: the edges answer that.

resource "aws_lb_target_group" "control" {
  # checkov:skip=CKV_AWS_378:TLS ends at the load balancer; from there it is one hop between two security groups of one VPC.
  name                 = "${local.service}-api"
  target_type          = "ip"
  vpc_id               = var.vpc_id
  protocol             = "HTTP"
  protocol_version     = "HTTP1"
  port                 = local.http_port
  deregistration_delay = 10

  health_check {
    path                = "/readyz"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener_rule" "control" {
  for_each = { for index, channel in var.channels : channel => var.control.first_priority + index }

  listener_arn = var.control.listener_arn
  priority     = each.value

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.control.arn
  }

  condition {
    http_header {
      http_header_name = var.control.secret_header
      values           = var.control.secrets
    }
  }

  condition {
    path_pattern {
      values = ["/v1/channels/${each.key}/*"]
    }
  }
}
