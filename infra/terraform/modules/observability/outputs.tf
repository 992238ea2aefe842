output "topic_arn" {
  description = "The topic of this region's alarms, to subscribe a pager to."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard" {
  description = "Name of the CloudWatch dashboard."
  value       = aws_cloudwatch_dashboard.show.dashboard_name
}
