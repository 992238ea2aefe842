output "service_name" {
  description = "Name of the edges' ECS service."
  value       = module.service.name
}

output "security_group_id" {
  description = "The edges' security group: origins let it in."
  value       = module.service.security_group_id
}

output "target_group_arn_suffix" {
  description = "The edges' target group as metrics name it."
  value       = aws_lb_target_group.edge.arn_suffix
}

output "config" {
  description = "The edges' vitrine-edge.toml, to check by `vitrine-edge --check`."
  value       = local.config
}
