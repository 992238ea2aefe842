output "dns_name" {
  description = "The load balancer's own host name, for the DNS alias."
  value       = aws_lb.this.dns_name
}

output "zone_id" {
  description = "The hosted zone of that name, for the DNS alias."
  value       = aws_lb.this.zone_id
}

output "arn_suffix" {
  description = "The load balancer as metrics name it."
  value       = aws_lb.this.arn_suffix
}

output "listener_arn" {
  description = "The HTTPS listener, to which edges and origins add their rules."
  value       = aws_lb_listener.https.arn
}

output "security_group_id" {
  description = "The load balancer's security group: tasks let it in."
  value       = aws_security_group.this.id
}

output "secret_header" {
  description = "Name of the header that carries the CDN's secret."
  value       = "X-Vitrine-Cdn"
}
