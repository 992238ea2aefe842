# Encoders' way in. TLS ends at the load balancer, so OBS publishes to rtmps:// whatever the origin speaks.

resource "aws_lb" "ingest" {
  name                             = "${local.service}-in"
  load_balancer_type               = "network"
  internal                         = false
  subnets                          = var.public_subnet_ids
  security_groups                  = [aws_security_group.ingest.id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection

  access_logs {
    bucket  = var.logs_bucket
    prefix  = "nlb-${var.cell}"
    enabled = true
  }
}

resource "aws_security_group" "ingest" {
  name        = "${local.service}-in"
  description = "Encoders in, tasks of cell ${var.cell} out"
  vpc_id      = var.vpc_id

  tags = { Name = "${local.service}-in" }

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  encoder_ports = merge(
    { rtmps = { port = 443, protocol = "tcp" } },
    var.plain_rtmp ? { rtmp = { port = local.rtmp_port, protocol = "tcp" } } : {},
    var.srt ? { srt = { port = local.srt_port, protocol = "udp" } } : {},
  )

  encoder_rules = merge([
    for name, port in local.encoder_ports : { for cidr in var.encoder_cidrs : "${name} ${cidr}" => merge(port, { cidr = cidr }) }
  ]...)
}

resource "aws_vpc_security_group_ingress_rule" "encoders" {
  for_each = local.encoder_rules

  security_group_id = aws_security_group.ingest.id
  description       = "Encoders: ${each.key}"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_lb_listener" "rtmps" {
  load_balancer_arn = aws_lb.ingest.arn
  port              = 443
  protocol          = "TLS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.rtmp.arn
  }
}

resource "aws_lb_listener" "rtmp" {
  count = var.plain_rtmp ? 1 : 0

  load_balancer_arn = aws_lb.ingest.arn
  port              = local.rtmp_port
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.rtmp.arn
  }
}

resource "aws_lb_listener" "srt" {
  count = var.srt ? 1 : 0

  load_balancer_arn = aws_lb.ingest.arn
  port              = local.srt_port
  protocol          = "UDP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.srt[0].arn
  }
}

resource "aws_lb_target_group" "rtmp" {
  name                 = "${local.service}-rtmp"
  target_type          = "ip"
  vpc_id               = var.vpc_id
  protocol             = "TCP"
  port                 = local.rtmp_port
  deregistration_delay = 120

  # Ready means that the whole program is, not only that a port is open.
  health_check {
    protocol            = "HTTP"
    port                = tostring(local.http_port)
    path                = "/readyz"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_target_group" "srt" {
  count = var.srt ? 1 : 0

  name                 = "${local.service}-srt"
  target_type          = "ip"
  vpc_id               = var.vpc_id
  protocol             = "UDP"
  port                 = local.srt_port
  deregistration_delay = 120

  health_check {
    protocol            = "HTTP"
    port                = tostring(local.http_port)
    path                = "/readyz"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}
