# Who may connect to whom: encoders' load balancer to the tasks; edges and the HTTP load balancer to the tasks.

locals {
  # Health checks come on the HTTP port.
  ingest_to_task = merge(
    { rtmp = { port = local.rtmp_port, protocol = "tcp" }, health = { port = local.http_port, protocol = "tcp" } },
    var.srt ? { srt = { port = local.srt_port, protocol = "udp" } } : {},
  )
}

resource "aws_vpc_security_group_egress_rule" "ingest_to_task" {
  for_each = local.ingest_to_task

  security_group_id            = aws_security_group.ingest.id
  description                  = "To the tasks: ${each.key}"
  referenced_security_group_id = module.service.security_group_id
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "task_from_ingest" {
  for_each = local.ingest_to_task

  security_group_id            = module.service.security_group_id
  description                  = "From the encoders' load balancer: ${each.key}"
  referenced_security_group_id = aws_security_group.ingest.id
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.port
  to_port                      = each.value.port
}

# With SRT, packets carry the encoders' own addresses to the task, so the load balancer's group does not name them.
resource "aws_vpc_security_group_ingress_rule" "task_from_srt_encoders" {
  for_each = var.srt ? toset(var.encoder_cidrs) : []

  security_group_id = module.service.security_group_id
  description       = "SRT from encoders, by way of the load balancer"
  cidr_ipv4         = each.value
  ip_protocol       = "udp"
  from_port         = local.srt_port
  to_port           = local.srt_port
}

resource "aws_vpc_security_group_egress_rule" "reader_to_task" {
  for_each = var.reader_security_group_ids

  security_group_id            = each.value
  description                  = "To origin cell ${var.cell}"
  referenced_security_group_id = module.service.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.http_port
  to_port                      = local.http_port
}

resource "aws_vpc_security_group_ingress_rule" "task_from_reader" {
  for_each = var.reader_security_group_ids

  security_group_id            = module.service.security_group_id
  description                  = "HTTP from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = local.http_port
  to_port                      = local.http_port
}
