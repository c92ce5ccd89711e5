"""The public record: figures and the last digest, made from the same tables that send, and edited by nobody."""
