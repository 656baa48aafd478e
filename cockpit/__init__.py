"""The cockpit: Streamlit pages over the read model. It shows and it asks; it decides and computes nothing.

serve.py      the web server: loopback, no telemetry, our own assets
app.py        navigation, the strip on every page, the emergency button
views/        market, coin, book, control: one question each (a folder named pages would start Streamlit's own navigation)
queries.py    the questions to the read model, cached, shared between tabs
commands.py   what a person may ask for, appended to `events.v1`
access.py     password, timed unlock
panel.py      tables, cards and figures drawn in place; kline.py the live chart
formats.py    numbers and times as text; strings.py every word in English and Chinese
"""
