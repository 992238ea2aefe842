# HTTP of edges and of the origins' control API. The CDN alone may ask: by address, and by a secret header.

data "aws_ec2_managed_prefix_list" "cloudfront" {
  name = "com.amazonaws.global.cloudfront.origin-facing"
}

locals {
  # Above CloudFront's keep-alive of 60 s, so that CloudFront closes first and never writes to a connection that is going,
  # and above every hold.
  idle_timeout_seconds = max(75, var.hold_seconds * 2)
}

resource "aws_lb" "this" {
  # checkov:skip=CKV2_AWS_28:The CDN's web ACL stands in front, and nobody else gets past the security group.
  name                       = "${var.name}-http"
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = var.subnet_ids
  security_groups            = [aws_security_group.this.id]
  idle_timeout               = local.idle_timeout_seconds
  enable_http2               = true
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  enable_deletion_protection = var.deletion_protection

  access_logs {
    bucket  = var.logs_bucket
    prefix  = "alb"
    enabled = true
  }

  connection_logs {
    bucket  = var.logs_bucket
    prefix  = "alb-connections"
    enabled = true
  }
}

resource "aws_security_group" "this" {
  name        = "${var.name}-http"
  description = "HTTP load balancer: CloudFront in, tasks out"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-http" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "cloudfront" {
  security_group_id = aws_security_group.this.id
  description       = "HTTPS from CloudFront's origin-facing addresses"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  # Another distribution shares CloudFront's addresses; it does not know the secret.
  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "ask the CDN"
      status_code  = "403"
    }
  }
}
