"""Lists literally what the wheel contains: with top-level names this plain, nothing may slip in unseen."""

from setuptools import setup

setup(
    packages=[
        "cli",
        "components",
        "components.champion",
        "components.data_check",
        "components.dicom_example_gen",
        "components.evaluator",
        "components.model_report",
        "components.pusher",
        "components.serving_canary",
        "components.statistics_gen",
        "components.stress_test",
        "components.tuner",
        "data_schemas",
        "data_schemas.wire",
        "evaluation",
        "imaging",
        "imaging.deidentification",
        "imaging.layouts",
        "models",
        "pipeline",
        "reports",
        "reports.chapters",
        "reports.checklists",
        "reports.exports",
        "serving",
        "serving.gateway",
        "serving.gateway.routes",
        "serving.server",
    ],
    py_modules=["local_runner"],
    package_data={
        "data_schemas": ["base_schema.pbtxt", "tasks/*.yaml"],
        "data_schemas.wire": ["*.proto", "*.pyi"],
        "imaging.deidentification": ["attributes.csv"],
        "reports": ["templates/*"],
    },
)
