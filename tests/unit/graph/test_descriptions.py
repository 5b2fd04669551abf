from graphql import GraphQLEnumType

from facade.graph import build_schema


def _undescribed():
    schema = build_schema()
    for name, type_ in schema.type_map.items():
        if name.startswith("__"):
            continue
        if not type_.description:
            yield name
        if isinstance(type_, GraphQLEnumType):
            yield from (f"{name}.{value}" for value, member in type_.values.items() if not member.description)
        for field_name, field in getattr(type_, "fields", {}).items():
            if not field.description:
                yield f"{name}.{field_name}"
            for argument_name, argument in getattr(field, "args", {}).items():
                if not argument.description:
                    yield f"{name}.{field_name}({argument_name}:)"


def test_every_type_field_argument_and_enum_value_has_a_description():
    assert list(_undescribed()) == []
