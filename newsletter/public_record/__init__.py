"""The public record: figures and the last digest, made from the tables that sending uses; nobody edits them."""
