output "url" {
  description = "Where edges find this cell."
  value       = "http://${aws_service_discovery_service.cell.name}.${var.namespace.domain}:${local.http_port}"
}

output "channels" {
  description = "The channels of this cell."
  value       = var.channels
}

output "service_name" {
  description = "Name of the cell's ECS service."
  value       = module.service.name
}

output "security_group_id" {
  description = "The tasks' security group."
  value       = module.service.security_group_id
}

output "config_secret_arn" {
  description = "The secret to put the cell's vitrine.toml into before the first task starts."
  value       = aws_secretsmanager_secret.config.arn
}

output "ingest" {
  description = "The encoders' load balancer: its host name and hosted zone for the DNS alias, and its name in metrics."
  value = {
    dns_name                = aws_lb.ingest.dns_name
    zone_id                 = aws_lb.ingest.zone_id
    arn_suffix              = aws_lb.ingest.arn_suffix
    target_group_arn_suffix = aws_lb_target_group.rtmp.arn_suffix
  }
}
